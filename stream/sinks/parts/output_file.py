"""The file of a sink on its way to its name, and what people are told of that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from segmentation.unfinished import Unfinished
from stream.errors import StreamError
from stream.files.outputs import writing
from stream.files.recording import Recording, is_empty
from stream.files.recovery import clear_up
from stream.sinks.parts.options import SinkOptions


class OutputFile:
    """A file that gets its name when it is whole.

    What will not come again is a recording: it gets a name as far as it can be read, too.

    Args:
        path: that was asked for; it may be a link.
        options: see `SinkOptions`.
        is_recording: it will not come again.

    Attributes:
        path: what it is called: as asked for, unless its folder was moved or something else has the
            name.
        whole: it, to be written to.
        recording: the same, `None` where it can be made anew.
    """

    def __init__(self, path: Path, options: SinkOptions, *, is_recording: bool) -> None:
        """Choose a hidden name; nothing is made yet."""
        self.path, self._options = path, options
        self.recording: Recording | None = None
        if is_recording:
            wanted = options.output_paths
            self.recording = Recording(path, overwrite=options.overwrite, wanted=wanted)
        self.whole = self.recording or Unfinished(
            path, replaces=options.overwrite, wanted=options.wanted
        )

    def open(self) -> int:
        """Clear up what killed programs left, and begin; returns what holds it, see `Unfinished`.

        Raises:
            StreamError: the folder takes no file.
        """
        clear_up(self.path, self._options.on_message, wanted=self._options.output_paths)
        with writing(self.path):
            return self.whole.hold(is_private=self._options.is_private)

    def follow(self) -> bool:
        """Go with the folder where that was moved meanwhile, and say so; returns whether it was."""
        is_moved = self.whole.follow()
        if is_moved:
            before, self.path = self.path, self.whole.target
            self._options.on_message(f"{before}: its folder was moved to {self.path.parent}")
        return is_moved

    def finish(self) -> None:
        """Give it its name, or a free one where it must not replace, and say so.

        Raises:
            StreamError: it cannot have it.
        """
        self.follow()
        asked = self.whole.target
        with writing(self.path):
            self.whole.finish()
        if self.whole.target != asked:
            self._options.on_message(f"{self.path}: exists; written as {self.whole.target.name}")
            self.path = self.whole.target

    def keep(self, read: Callable[[Path], str | None]) -> str | None:
        """Give what there is of a recording a name; returns what to say, `None` of nothing.

        Args:
            read: how much of the file can be read, for people.
        """
        recording = self.recording
        if recording is None:
            return None
        self.follow()
        asked, stays = recording.target, f"what there is stays in {recording.path}"
        try:
            length = read(recording.path)
            if length is None:
                return None if is_empty(recording.path) else stays
            recording.keep()
        except FileNotFoundError:  # it was never begun, has its name, or somebody deleted it
            return None
        except (OSError, StreamError):
            return stays
        under = "" if recording.target == asked else f" as {recording.target.name}"
        verb = "is" if length.startswith("1 ") else "are"
        return f"the first {length} {verb} kept{under}"
