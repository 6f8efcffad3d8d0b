"""Sink: a video file, encoded by ffmpeg, with the source's timestamps and sound."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from segmentation.unfinished import Unfinished
from stream.errors import StreamError
from stream.ffmpeg.formats import (
    ALPHA_ENDINGS,
    FORMATS,
    coded_pixels,
    encoder_options,
    recording_options,
    sound_options,
)
from stream.ffmpeg.frame_feed import FEED_OPTIONS, FrameFeed
from stream.ffmpeg.length import length_s
from stream.ffmpeg.process import KEEP_TIMESTAMPS, Ffmpeg
from stream.ffmpeg.sound import probe_sound, sound_input
from stream.files.outputs import check_free, writing
from stream.files.recording import Recording, as_length
from stream.files.recovery import clear_up
from stream.frame import Output, OutputInfo, Sink
from stream.photo.encoding import lost_in_video
from stream.sinks.options import SinkOptions

#: Of the files this sink writes.
ENDINGS = tuple(FORMATS)

_MAX_START_S = 10.0
_LEAVING_S = 3.0  # how long the encoder of a recording that is left has to complete it


class VideoSink(Sink):
    """Writes a video file, see `Sink`.

    Frames go to ffmpeg with their timestamps, which the file keeps exactly (.mkv and .webm to
    the millisecond). A clock that starts far from 0, as that of a camera or a cut-out broadcast,
    starts at 0 in the file. Sound of `info.stream.sound` is copied, or encoded anew where the
    container demands it, and keeps its offset.

    The file is written beside its final name, which it gets in `finish`.

    What comes from a live source, and an excerpt, will not come again: it is a recording, of which
    about a second is lost where all processes are killed, and two more where the power fails. One
    that cannot be finished is kept as far as it can be read, under a name that nothing has.
    Opening any video recovers what others left in its folder, see `recovered`.

    Args:
        path: of the file; its ending decides the container, one of `ENDINGS`.
        info: of the outputs to come.
        options: see `SinkOptions`.
        excerpt: a part out of the middle of the stream; it begins, sound as well, at its first
            output.

    Attributes:
        path: of the file; of a recording, once it is finished, the one that it got.

    Raises:
        StreamError: the file must not or cannot be written.
    """

    def __init__(
        self,
        path: Path,
        info: OutputInfo,
        options: SinkOptions,
        *,
        excerpt: bool = False,
    ) -> None:
        """Check all that can be checked before the first frame."""
        self.path, self.folder = path, path.parent
        self._ending = path.suffix.lower()
        self._info = info
        self._options = options
        self._excerpt = excerpt
        self._process: Ffmpeg | None = None
        self._check()
        self._feed = FrameFeed(info, coded_pixels(self._ending, info))
        self._recording: Recording | None = None
        if info.stream.live or excerpt:
            overwrite, wanted = options.overwrite, options.output_paths
            self._recording = Recording(path, overwrite=overwrite, wanted=wanted)
        self._whole, self._shortened = self._recording or Unfinished(path), Unfinished(path)
        self._error: StreamError | None = None

    def open(self) -> None:
        """Begin the file: a folder that takes none is known before the first frame."""
        clear_up(self.path, self._options.on_message, wanted=self._options.output_paths)
        with writing(self.path):
            self._held = self._whole.hold()

    def _check(self) -> None:
        path, options = self.path, self._options
        if self._ending not in FORMATS:
            raise StreamError(f"{path}: no kind of video; use one of {' '.join(ENDINGS)}")
        if self._info.has_alpha and self._ending not in ALPHA_ENDINGS:
            raise StreamError(
                f"{path}: {self._ending} cannot hold transparency; use {' or '.join(ALPHA_ENDINGS)}"
            )
        check_free(path, overwrite=options.overwrite, input_paths=options.input_paths)

    def close(self) -> None:
        """End ffmpeg and delete what is unfinished, but for a recording."""
        if self._recording is not None and not (self._is_finished or self._error):
            self._leave(self._recording)
        if self._process is not None:
            self._process.close()
        self._whole.discard()
        self._shortened.discard()

    def write(self, output: Output) -> None:
        """Encode one output.

        A timestamp that does not come after the one before is moved to the next possible one.

        Raises:
            StreamError: ffmpeg cannot go on (full disk, killed); says what of a recording is kept.
            ValueError: the picture has another size than the stream.
        """
        picture = output.in_srgb
        self._feed.check(picture)
        if self._error is not None:
            raise self._error
        if self._process is None:
            self._tell_lost(output)
            self._process = self._start(output.frame.time_s)
        try:
            self._feed.write(picture, output.frame.time_s)
        except BrokenPipeError:
            self._process.wait()
            raise self._failed(self._process) from None

    def _tell_lost(self, output: Output) -> None:
        """Say what of a photo is not in a video."""
        photo, options = output.frame.photo, self._options
        if photo is not None:
            for remark in lost_in_video(output.image, photo, keep_location=options.keep_location):
                options.on_message(f"{self.path}: {remark}")

    def complete(self, *, cut_short: bool) -> None:
        """Complete the file and give it its name, see `Sink.finish`.

        Raises:
            StreamError: there were no outputs, or ffmpeg could not complete the file; says what of
                a recording is kept.
        """
        if self._process is None:
            raise StreamError(f"{self.path}: not written, because there were no frames")
        if self._error is not None:
            raise self._error
        if self._process.wait() != 0:
            raise self._failed(self._process)
        if cut_short and self._info.stream.sound is not None:
            self._shorten()
        with writing(self.path):
            self._whole.finish()
        if self._whole.target != self.path:
            self._options.on_message(f"{self.path}: exists; written as {self._whole.target.name}")
            self.path = self._whole.target

    def _start(self, first_s: float) -> Ffmpeg:
        """Start ffmpeg; `first_s` is the time of the first frame."""
        stream = self._info.stream
        is_wall_clock = stream.live and stream.sound is None
        keeps_clock = 0 <= first_s <= _MAX_START_S and not (is_wall_clock or self._excerpt)
        origin_s = 0.0 if keeps_clock else first_s
        codecs = probe_sound(stream.sound) if stream.sound is not None else []
        sound = []
        if stream.sound is not None and codecs:
            from_s = first_s if self._excerpt else 0.0
            sound = sound_input(stream.sound, origin_s, from_s=from_s)
        sound_maps = [part for track in range(len(codecs)) for part in ("-map", f"1:a:{track}")]
        kind, options = FORMATS[self._ending], self._options
        encoding = options.preset, options.crf
        muxer_options: Sequence[str] = kind.muxer_options
        if self._recording is not None:
            muxer_options = recording_options(self._ending, self._info)
        process = Ffmpeg(
            [
                *(*FEED_OPTIONS, *sound, "-map", "0:v:0"),
                *(*sound_maps, "-map_chapters", "-1", "-map_metadata", "-1"),
                *KEEP_TIMESTAMPS,
                *encoder_options(self._ending, self._info, self._feed.pixels, *encoding),
                *sound_options(self._ending, codecs),
                *(*muxer_options, "-f", kind.muxer, "-y", f"file:{self._whole.path}"),
            ],
            pipe_in=True,
            holds=[self._held],
        )
        self._feed.start(process, origin_s)
        return process

    def _shorten(self) -> None:
        """Copy the complete file without the sound packets that reach beyond its picture."""
        kind = FORMATS[self._ending]
        arguments = [
            *("-copyts", "-i", f"file:{self._whole.path}", "-map", "0", "-c", "copy"),
            # `-t` would count from the first packet, and let the last one stand out.
            *("-bsf:a", f"noise=drop=gt((pts+d)*tb\\,{self._feed.end_s + 0.001:.6f})"),
            *(*kind.muxer_options, "-f", kind.muxer, "-y", f"file:{self._shortened.path}"),
        ]
        with writing(self.path):
            held = self._shortened.hold()
        with closing(Ffmpeg(arguments, holds=[held])) as process:
            if process.wait() == 0:
                with writing(self.path):
                    self._whole.become(self._shortened)
            elif self._recording is None:
                raise self._failed(process)
            else:
                self._options.on_message(
                    f"{self.path}: its sound goes on after its picture ({process.failure()})"
                )

    def _failed(self, process: Ffmpeg) -> StreamError:
        """Return why the file could not be completed; what there is of a recording is kept."""
        kept = None if self._recording is None else self._keep(self._recording)
        further = "" if kept is None else " further"
        reason = f"{self.path}: could not be written{further} ({process.failure()})"
        self._error = StreamError(reason if kept is None else f"{reason}; {kept}")
        return self._error

    def _leave(self, recording: Recording) -> None:
        """Complete a recording that nobody finished, as far as that goes quickly."""
        if self._process is None:
            return
        timer = threading.Timer(_LEAVING_S, self._process.kill)
        timer.start()
        self._process.wait()
        timer.cancel()
        timer.join()
        kept = self._keep(recording)
        if kept is not None:
            self._options.on_message(f"{self.path}: not finished; {kept}")

    def _keep(self, recording: Recording) -> str | None:
        """Give what there is of a recording a name; returns what to say, `None` of no frames."""
        try:
            length = length_s(recording.path)
            if length is None:
                return None
            recording.keep()
        except (OSError, StreamError):
            return f"what there is stays in {recording.path}"
        under = "" if recording.target == self.path else f" as {recording.target.name}"
        return f"the first {as_length(length)} are kept{under}"
