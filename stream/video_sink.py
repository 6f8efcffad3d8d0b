"""Sink: a video file, encoded by ffmpeg, with the source's timestamps and sound."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np

from stream import nut
from stream.ffmpeg import Ffmpeg
from stream.ffmpeg_header import sound_codecs
from stream.frame import Output, OutputInfo, Sink, StreamError
from stream.video_format import (
    ALPHA_ENDINGS,
    FORMATS,
    coded_colour,
    coded_pixels,
    encoder_options,
    sound_options,
)
from stream.video_input import input_options
from stream.yuv420 import Yuv420

#: Of the files this sink writes.
ENDINGS = tuple(FORMATS)

_DEFAULT_TIME_BASE = Fraction(1, 90_000)
_COARSEST_TIME_BASE = Fraction(1, 10_000)
_FINEST_TIME_BASE = Fraction(1, 1_000_000)
_DEFAULT_FPS = Fraction(25)
_MAX_START_S = 10.0


class VideoSink(Sink):
    """Writes a video file, see `Sink`.

    Frames go to ffmpeg with their timestamps, which the file keeps exactly (.mkv and .webm to
    the millisecond). A clock that starts far from 0, as that of a camera or a cut-out broadcast,
    starts at 0 in the file. Sound of `info.stream.sound` is copied, or encoded anew where the
    container demands it, and keeps its offset.

    The file is written beside its final name, which it gets in `finish`.

    Args:
        path: of the file; its ending decides the container, one of `ENDINGS`.
        info: of the outputs to come.
        overwrite: replace what is there.
        input_paths: files that must never be overwritten.
        preset: of x264, "ultrafast" to "veryslow".
        crf: constant rate factor, 0 (lossless) to 51, smaller is better.

    Raises:
        StreamError: the file must not or cannot be written.
    """

    main_thread = False

    def __init__(
        self,
        path: Path,
        info: OutputInfo,
        *,
        overwrite: bool = False,
        input_paths: Sequence[Path] = (),
        preset: str = "medium",
        crf: int = 20,
    ) -> None:
        """Check all that can be checked before the first frame."""
        self._path = path
        self._ending = path.suffix.lower()
        self._info = info
        self._encoding = (preset, crf)
        self._process: Ffmpeg | None = None
        self._time_base = _time_base(info.stream.time_base)
        self._origin_s = 0.0
        self._last_pts = -1
        self._check(overwrite, input_paths)
        self._pixels = "rgba" if info.has_alpha else "rgb24"
        self._yuv = _conversion(self._ending, info)
        if self._yuv is not None:
            self._pixels = "yuv420p"
            self._frame = np.empty(self._yuv.num_bytes, np.uint8)
        token = secrets.token_hex(4)
        self._temporary = path.with_name(f".{path.stem}.{token}{path.suffix}")
        self._shortened = path.with_name(f".{path.stem}.{token}.cut{path.suffix}")
        try:
            self._temporary.touch(exist_ok=False)
        except OSError as error:
            raise StreamError(f"{path}: cannot be written ({error.strerror})") from None

    def _check(self, overwrite: bool, input_paths: Sequence[Path]) -> None:
        path = self._path
        if self._ending not in FORMATS:
            raise StreamError(f"{path}: no kind of video; use one of {' '.join(ENDINGS)}")
        if self._info.has_alpha and self._ending not in ALPHA_ENDINGS:
            raise StreamError(
                f"{path}: {self._ending} cannot hold transparency; use {' or '.join(ALPHA_ENDINGS)}"
            )
        if path.is_dir():
            raise StreamError(f"{path}: is a folder; give a file's name")
        if path.exists():
            if any(other.exists() and path.samefile(other) for other in input_paths):
                raise StreamError(f"{path}: is the input; give the output another name")
            if not overwrite:
                raise StreamError(f"{path}: exists; add -y to replace it")
        if not path.parent.is_dir():
            raise StreamError(f"{path}: the folder {path.parent} does not exist")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End ffmpeg and delete what is unfinished."""
        if self._process is not None:
            self._process.close()
        for path in (self._temporary, self._shortened):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def write(self, output: Output) -> None:
        """Encode one output.

        A timestamp that does not come after the one before is moved to the next possible one.

        Raises:
            StreamError: ffmpeg cannot go on (full disk, killed).
            ValueError: the image has another size than the stream.
        """
        image = np.ascontiguousarray(output.image)
        stream = self._info.stream
        shape = (stream.height, stream.width, 4 if self._info.has_alpha else 3)
        if image.shape != shape or image.dtype != np.uint8:
            raise ValueError(f"image: expected uint8 {shape}, got {image.dtype} {image.shape}")
        if self._process is None:
            self._process = self._start(output.frame.time_s)
        pts = round((output.frame.time_s - self._origin_s) / float(self._time_base))
        pts = max(pts, self._last_pts + 1)
        self._last_pts = pts
        data = image.reshape(-1)
        if self._yuv is not None:
            self._yuv.from_rgb(image, self._frame)
            data = self._frame
        try:
            self._process.write(nut.frame_header(pts, data.nbytes))
            self._process.write(data.data)
        except BrokenPipeError:
            self._process.wait()
            raise StreamError(self._why_failed(self._process)) from None

    def finish(self, *, cut_short: bool) -> None:
        """Complete the file and give it its name, see `Sink.finish`.

        Raises:
            StreamError: there were no outputs, or ffmpeg could not complete the file.
        """
        if self._process is None:
            raise StreamError(f"{self._path}: not written, because there were no frames")
        if self._process.wait() != 0:
            raise StreamError(self._why_failed(self._process))
        complete = self._temporary
        if cut_short and self._info.stream.sound is not None:
            self._shorten()
            complete = self._shortened
        try:
            complete.replace(self._path)
        except OSError as error:
            raise StreamError(f"{self._path}: cannot be written ({error.strerror})") from None

    def _start(self, first_s: float) -> Ffmpeg:
        """Start ffmpeg; `first_s` is the time of the first frame."""
        stream = self._info.stream
        is_wall_clock = stream.live and stream.sound is None
        if is_wall_clock or not 0 <= first_s <= _MAX_START_S:
            self._origin_s = first_s
        codecs = _probe_sound(stream.sound) if stream.sound is not None else []
        sound_input = []
        if stream.sound is not None and codecs:
            sound_input = ["-itsoffset", f"{-self._origin_s:.6f}", *input_options(stream.sound)]
        sound_maps = [part for track in range(len(codecs)) for part in ("-map", f"1:a:{track}")]
        kind = FORMATS[self._ending]
        process = Ffmpeg(
            [
                *("-copyts", "-f", "nut", "-i", "pipe:0", *sound_input),
                *("-map", "0:v:0", *sound_maps, "-map_chapters", "-1", "-map_metadata", "-1"),
                *("-fps_mode", "passthrough", "-enc_time_base", "demux"),
                *encoder_options(self._ending, self._info, self._pixels, *self._encoding),
                *sound_options(self._ending, codecs),
                *(*kind.muxer_options, "-f", kind.muxer, "-y", f"file:{self._temporary}"),
            ],
            pipe_in=True,
        )
        with contextlib.suppress(BrokenPipeError):  # which the first frame meets again
            process.write(
                nut.file_header(
                    (stream.height, stream.width),
                    self._pixels,
                    time_base=self._time_base,
                    pixel_aspect=stream.pixel_aspect,
                    fps=stream.fps or _DEFAULT_FPS,
                )
            )
        return process

    def _shorten(self) -> None:
        """Copy the complete file without the sound packets that reach beyond its picture."""
        kind = FORMATS[self._ending]
        # The muxer, too, lets the last frame last as long as the nominal rate says.
        duration_s = 1 / (self._info.stream.fps or _DEFAULT_FPS)
        end_s = float(self._last_pts * self._time_base + duration_s)
        arguments = [
            *("-copyts", "-i", f"file:{self._temporary}", "-map", "0", "-c", "copy"),
            # `-t` would count from the first packet, and let the last one stand out.
            *("-bsf:a", f"noise=drop=gt((pts+d)*tb\\,{end_s + 0.001:.6f})"),
            *(*kind.muxer_options, "-f", kind.muxer, "-y", f"file:{self._shortened}"),
        ]
        with Ffmpeg(arguments) as process:
            if process.wait() != 0:
                raise StreamError(self._why_failed(process))

    def _why_failed(self, process: Ffmpeg) -> str:
        return f"{self._path}: could not be written ({process.failure()})"


def _probe_sound(address: str) -> list[str]:
    """Return the codec of each track of sound, none where the file cannot be opened any more."""
    lines: list[str] = []
    with Ffmpeg(
        input_options(address), on_line=lambda line: lines.append(line) if line else None
    ) as process:
        process.wait()
    return sound_codecs(lines)


def _conversion(ending: str, info: OutputInfo) -> Yuv420 | None:
    """Return what makes of images the pixels to encode; `None` where ffmpeg does that."""
    stream = info.stream
    is_odd = stream.width % 2 or stream.height % 2
    if is_odd or coded_pixels(ending, info) != "yuv420p":
        return None
    colour = coded_colour(stream.colour)
    return Yuv420((stream.height, stream.width), colour.matrix or "bt709", colour.full_range)


def _time_base(source: Fraction | None) -> Fraction:
    """Return the source's time base or a part of it, fine enough for frames between its ticks."""
    if source is None or source < _FINEST_TIME_BASE:
        return _DEFAULT_TIME_BASE
    while source > _COARSEST_TIME_BASE:
        source /= 2
    return source
