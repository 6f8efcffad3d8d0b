"""What of a source goes into a video file beside the picture."""

from __future__ import annotations

import re
from pathlib import Path

from stream.contents import Contents, Track
from stream.ffmpeg.sound import clock_output, source_input
from stream.ffmpeg.tags import tags_input
from stream.ffmpeg.tracks import carried
from stream.sinks.parts.options import SinkOptions

_NOTHING = re.compile(r" Output stream #0:(\d+) \(audio\): .*\b0 packets muxed")


class Beside:
    """Sound, subtitles, chapters and tags of one source on their way into one file.

    What cannot go along is told.

    Args:
        path: of the file.
        contents: of the source.
        options: see `SinkOptions`.
    """

    def __init__(self, path: Path, contents: Contents, options: SinkOptions) -> None:
        """Tell nothing yet."""
        self._path, self._contents, self._options = path, contents, options
        self._sound: list[Track] = []  # that is written
        self._silent: list[Track] = []  # of it, what has had no packet

    def arguments(
        self, origin_s: float, *, from_s: float = 0.0, is_paced: bool = False
    ) -> tuple[list[str], list[str], list[str]]:
        """Return ffmpeg's inputs after the picture's, what it does with them, and further outputs.

        Args:
            origin_s: time of the frames that is 0 in the file.
            from_s: time of the frames before which nothing is read.
            is_paced: see `source_input`.

        Raises:
            StreamError: see `carried`.
        """
        ending, keep_location = self._path.suffix.lower(), self._options.keep_location
        contents = self._contents
        taken = carried(contents, ending, keep_location=keep_location)
        if taken.left_out:
            self._options.on_message(f"{self._path}: without {'; '.join(taken.left_out)}")
        for text in taken.changed:
            self._options.on_message(f"{self._path}: {text}")
        self._sound = [track for track, letter, _ in taken.tracks if letter == "a"]
        inputs = tags_input(contents, keep_location=keep_location)
        maps = ["-map_metadata:s", "-1", "-map_metadata", "1", "-map_chapters", "1"]
        maps += taken.options(ending, 2, contents.picture)
        if not taken.tracks:
            return inputs, maps, []
        inputs += source_input(contents, origin_s, from_s=from_s, is_paced=is_paced)
        return inputs, maps, clock_output(contents, 2)

    @property
    def num_sound(self) -> int:
        """Tracks of sound that are written."""
        return len(self._sound)

    def take_line(self, line: str | None) -> None:
        """Note, in the thread of the log, sound of which nothing was written."""
        if line is not None and (match := _NOTHING.search(line)):
            self._silent.append(self._sound[int(match[1]) - 1])

    def tell_silent(self) -> None:
        """Tell, once the file is written, of what sound nothing ever came."""
        for track in self._silent:
            self._options.on_message(f"{self._path}: without sound ({track}), which never comes")
