"""Frames on their way into an ffmpeg, with their timestamps."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from stream import nut
from stream.ffmpeg import Ffmpeg
from stream.frame import OutputInfo
from stream.video_format import coded_colour
from stream.yuv420 import Yuv420

DEFAULT_FPS = Fraction(25)
#: What ffmpeg reads frames with, its first input.
FEED_OPTIONS = ("-copyts", "-f", "nut", "-i", "pipe:0")

_DEFAULT_TIME_BASE = Fraction(1, 90_000)
_COARSEST_TIME_BASE = Fraction(1, 10_000)
_FINEST_TIME_BASE = Fraction(1, 1_000_000)


class FrameFeed:
    """Gives images to processes of ffmpeg, one after the other, as NUT.

    Args:
        info: of the outputs to come.
        coded: ffmpeg's name of the pixels that are encoded; where it is "yuv420p" images are
            converted here, which is cheaper than ffmpeg's exact conversion.

    Attributes:
        pixels: ffmpeg's name of the pixels it is given.
    """

    def __init__(self, info: OutputInfo, coded: str) -> None:
        """Prepare the conversion."""
        stream = info.stream
        self.pixels = "rgba" if info.has_alpha else "rgb24"
        self._info = info
        self._yuv: Yuv420 | None = None
        is_odd = stream.width % 2 or stream.height % 2
        if coded == "yuv420p" and not is_odd:
            colour = coded_colour(stream.colour)
            size_hw = stream.height, stream.width
            self._yuv = Yuv420(size_hw, colour.matrix or "bt709", colour.full_range)
            self._frame = np.empty(self._yuv.num_bytes, np.uint8)
            self.pixels = "yuv420p"
        self._time_base = _time_base(stream.time_base)
        self._process: Ffmpeg | None = None
        self._origin_s = 0.0
        self._last_pts = -1

    def start(self, process: Ffmpeg, origin_s: float) -> None:
        """Go on with a process started with `FEED_OPTIONS`; its time 0 is our `origin_s`."""
        self._process, self._origin_s, self._last_pts = process, origin_s, -1
        stream = self._info.stream
        with contextlib.suppress(BrokenPipeError):  # which the first frame meets again
            process.write(
                nut.file_header(
                    (stream.height, stream.width),
                    self.pixels,
                    time_base=self._time_base,
                    pixel_aspect=stream.pixel_aspect,
                    fps=stream.fps or DEFAULT_FPS,
                )
            )

    def check(self, image: NDArray[np.uint8]) -> None:
        """Raise `ValueError` if the image is not one of the stream."""
        stream = self._info.stream
        shape = (stream.height, stream.width, 4 if self._info.has_alpha else 3)
        if image.shape != shape or image.dtype != np.uint8:
            raise ValueError(f"image: expected uint8 {shape}, got {image.dtype} {image.shape}")

    def write(self, image: NDArray[np.uint8], time_s: float) -> None:
        """Hand over one image.

        A timestamp that does not come after the one before is moved to the next possible one.

        Raises:
            BrokenPipeError: the process has ended.
        """
        assert self._process is not None
        pts = round((time_s - self._origin_s) / float(self._time_base))
        self._last_pts = pts = max(pts, self._last_pts + 1)
        data = np.ascontiguousarray(image).reshape(-1)
        if self._yuv is not None:
            self._yuv.from_rgb(image, self._frame)
            data = self._frame
        self._process.write(nut.frame_header(pts, data.nbytes))
        self._process.write(data.data)

    @property
    def end_s(self) -> float:
        """End of the last frame, on the process' clock.

        The muxer, too, lets the last frame last as long as the nominal rate says.
        """
        duration_s = 1 / (self._info.stream.fps or DEFAULT_FPS)
        return float(self._last_pts * self._time_base + duration_s)


def _time_base(source: Fraction | None) -> Fraction:
    """Return the source's time base or a part of it, fine enough for frames between its ticks."""
    if source is None or source < _FINEST_TIME_BASE:
        return _DEFAULT_TIME_BASE
    while source > _COARSEST_TIME_BASE:
        source /= 2
    return source
