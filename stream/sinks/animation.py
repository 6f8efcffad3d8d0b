"""Sink: an animated GIF, WebP or PNG."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from stream.contents import Contents
from stream.errors import StreamError
from stream.ffmpeg.encoding.formats import DEFAULT_FPS
from stream.files.outputs import check_free, writing
from stream.files.recording import as_length
from stream.frame import Output, OutputInfo, Sink
from stream.photo.animated.apng import ApngWriter
from stream.photo.animated.gif import GifWriter
from stream.photo.animated.webp import WebpWriter
from stream.photo.animated.writer import AnimationWriter
from stream.photo.encoding import lost_in_video
from stream.sinks.parts.options import SinkOptions
from stream.sinks.parts.output_file import OutputFile

#: By the ending of the file.
WRITERS: dict[str, type[AnimationWriter]] = {
    ".gif": GifWriter,
    ".webp": WebpWriter,
    ".apng": ApngWriter,
}
_LONG_S = 30.0  # of which a film is a hundredth as large


class AnimationSink(Sink):
    """Writes an animation that plays again and again, see `Sink`.

    Frames last as long as in the source, to the nearest hundredth of a second in a GIF, else to a
    thousandth: each begins at its own time, so nothing adds up. What would be shown for so short a
    time that browsers make a tenth of a second of it is left out. The first is at 0. Sound and what
    else belongs to a video is left out, which is told.

    Each frame is written before the next one comes, beside the final name, which the file gets in
    `finish`. Of what will not come again all that was written is kept, see `VideoSink`.

    Args:
        path: of the file; its ending decides the format, one of `WRITERS`.
        info: of the outputs to come.
        options: see `SinkOptions`.

    Raises:
        StreamError: the file must not or cannot be written.
    """

    def __init__(self, path: Path, info: OutputInfo, options: SinkOptions) -> None:
        """Check all that can be checked before the first frame."""
        self.folder = path.parent
        self._info, self._options = info.in_square_pixels(), options
        self._kind = WRITERS[path.suffix.lower()]
        check_free(path, overwrite=options.overwrite, input_paths=options.input_paths)
        self._output = OutputFile(path, options, is_recording=info.stream.live)
        self._file: BinaryIO | None = None
        self._writer: AnimationWriter | None = None
        self._last: tuple[NDArray[np.uint8], int] | None = None  # not written yet, and its tick
        self._first_s = self._end_s = 0.0  # where the first frame begins, and the last one ends
        self._num_left_out = 0
        self._error: StreamError | None = None
        self._is_complete = False

    @property
    def path(self) -> Path:
        """Of the file; see `OutputFile`."""
        return self._output.path

    def open(self) -> None:
        """Begin the file; tells what it will not have."""
        held = self._output.open()
        with writing(self.path):
            self._file = os.fdopen(os.dup(held), "wb")
        stream = self._info.stream
        if stream.contents is not None and (lost := _lost(stream.contents)):
            self._options.on_message(f"{self.path}: without {', '.join(lost)}")
        if (stream.duration_s or 0.0) > _LONG_S:
            self._options.on_message(
                f"{self.path}: {as_length(stream.duration_s or 0.0)} is long for a "
                f"{self.path.suffix.lower()}, which will be many times as large as an .mp4"
            )

    def _tell_lost(self, output: Output) -> None:
        """Say what of an animation or a photo is not in one that is written."""
        photo, options = output.frame.photo, self._options
        if photo is not None:
            for remark in lost_in_video(output.image, photo, keep_location=options.keep_location):
                options.on_message(f"{self.path}: {remark}")

    def close(self) -> None:
        """Delete what is unfinished; of what will not come again what there is is kept."""
        if self._output.recording is not None and not (self._is_finished or self._error):
            with contextlib.suppress(OSError):
                self._complete_file()
            if kept := self._output.keep(self._length):
                self._options.on_message(f"{self.path}: not finished; {kept}")
        self._close_file()
        self._output.follow()
        self._output.whole.discard()

    def write(self, output: Output) -> None:
        """Write the output before this one; see `Sink`.

        Raises:
            StreamError: the file cannot be written any further; says what of a recording is kept.
            ValueError: the picture has another size than the stream.
        """
        image, stream = output.in_square_pixels().in_srgb.rgb, self._info.stream
        expected = stream.height, stream.width, 4 if self._info.has_alpha else 3
        if image.shape != expected:
            raise ValueError(f"picture: expected {expected}, got {image.shape}")
        if self._error is not None:
            raise self._error
        frame = output.frame
        if self._last is None:
            self._first_s = frame.time_s
            self._tell_lost(output)
        tick = round((frame.time_s - self._first_s) / self._kind.tick_s)
        try:
            if self._last is not None:
                last, since = self._last
                if tick - since < self._kind.least_ticks:
                    self._num_left_out += 1
                    return
                self._add(last, tick - since)
        except OSError as error:
            raise self._failed(error) from error
        self._last = image, tick
        self._end_s = frame.time_s + (frame.lasts_s or float(1 / (stream.fps or DEFAULT_FPS)))

    def complete(self, *, cut_short: bool) -> None:
        """Complete the file and give it its name, see `Sink.finish`.

        Raises:
            StreamError: there were no outputs, or the file could not be completed; says what of a
                recording is kept.
        """
        if self._error is not None:
            raise self._error
        if self._last is None:
            raise StreamError(f"{self.path}: not written, because there were no frames")
        try:
            self._complete_file()
        except OSError as error:
            raise self._failed(error) from error
        if self._num_left_out:
            rate = round(1 / (self._kind.least_ticks * self._kind.tick_s))
            self._options.on_message(
                f"{self.path}: {self._num_left_out} frames are left out; "
                f"browsers show no more than {rate} a second"
            )
        self._output.finish()

    def _add(self, image: NDArray[np.uint8], ticks: int) -> None:
        if self._writer is None:
            assert self._file is not None
            size_hw = image.shape[0], image.shape[1]
            has_alpha, crf = self._info.has_alpha, self._options.crf
            self._writer = self._kind(self._file, size_hw, has_alpha=has_alpha, crf=crf)
        self._writer.add(image, ticks)

    def _complete_file(self) -> None:
        """Write the last frame and what follows; does nothing a second time."""
        if self._last is None or self._is_complete:
            return
        self._is_complete = True
        last, since = self._last
        end = round((self._end_s - self._first_s) / self._kind.tick_s)
        self._add(last, max(self._kind.least_ticks, end - since))
        assert self._writer is not None
        self._writer.finish()
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()

    def _failed(self, error: OSError) -> StreamError:
        """Return why the file could not be written; what there is of a recording is kept."""
        self._close_file()
        kept = None
        if self._output.recording is not None:
            self._output.follow()
            with contextlib.suppress(OSError):
                self._mend()
            kept = self._output.keep(self._length)
        further = "" if kept is None else " further"
        reason = f"{self.path}: could not be written{further} ({error.strerror or error})"
        self._error = StreamError(reason if kept is None else f"{reason}; {kept}")
        return self._error

    def _mend(self) -> None:
        """Leave out a frame that could not be written, and complete the file before it."""
        if self._writer is None:
            return
        with self._output.whole.path.open("r+b") as file:
            file.truncate(self._writer.num_bytes)
            file.seek(self._writer.num_bytes)
            self._writer.continue_in(file)
            self._writer.finish()

    def _length(self, path: Path) -> str | None:
        """Return how long what there is is, for people; `None` of no frames."""
        return None if self._last is None else as_length(self._end_s - self._first_s)


def _lost(contents: Contents) -> list[str]:
    """Return what of a video an animation cannot hold, in words."""
    has = {
        "sound": contents.sound,
        "subtitles": contents.subtitles,
        "chapters": contents.chapters,
        "title, date and camera": contents.tags,
    }
    return [*(name for name, found in has.items() if found), *contents.others]
