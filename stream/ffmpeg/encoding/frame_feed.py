"""Frames on their way into an ffmpeg, with their timestamps."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from segmentation.picture import Picture
from stream.ffmpeg.encoding import nut
from stream.ffmpeg.encoding.codecs import Encoding
from stream.ffmpeg.encoding.formats import coded_colour
from stream.ffmpeg.process import Ffmpeg
from stream.frame import OutputInfo, even_hw, fitted
from stream.yuv420 import YuvCoding, YuvPicture

DEFAULT_FPS = Fraction(25)

_DEFAULT_TIME_BASE = Fraction(1, 90_000)
_COARSEST_TIME_BASE = Fraction(1, 10_000)
_FINEST_TIME_BASE = Fraction(1, 1_000_000)


def feed_options(first_s: float, *, is_joined: bool = False) -> list[str]:
    """Return ffmpeg's arguments that read frames, its first input.

    Args:
        first_s: time of the first frame, from the origin given to `FrameFeed.start`.
        is_joined: ffmpeg mends the clock of another input, see `Contents.is_joined`. It counts
            from the start of each then.
    """
    clock = ["-itsoffset", f"{first_s:.6f}"] if is_joined else ["-copyts"]
    return [*clock, "-f", "nut", "-i", "pipe:0"]


class FrameFeed:
    """Gives pictures to processes of ffmpeg, one after the other, as NUT.

    Args:
        info: of the outputs to come.
        encoding: of the picture. Where chroma is halved both ways, pictures that are coded
            otherwise are converted here, which is cheaper than ffmpeg's exact conversion.

    Attributes:
        pixels: ffmpeg's name of the pixels it is given.
        size_hw: height and width of the pictures it is given: at an odd side without the last
            pixel, where the codec has even sides only.
    """

    def __init__(self, info: OutputInfo, encoding: Encoding) -> None:
        """Prepare the conversion."""
        stream = info.stream
        self.pixels = "rgba" if info.has_alpha else "rgb24"
        self._info = info
        self._coding: YuvCoding | None = None
        self.size_hw = stream.height, stream.width
        if encoding.is_even:
            self.size_hw = even_hw(self.size_hw)
        is_odd = self.size_hw[0] % 2 or self.size_hw[1] % 2
        is_yuv = encoding.halves_chroma or stream.colour.matrix is not None
        if is_yuv and not (is_odd or info.has_alpha):
            colour = coded_colour(stream.colour)
            self._coding = YuvCoding(colour.matrix or "bt709", colour.full_range)
            self.pixels = "yuv420p"
        self._time_base = _time_base(stream.time_base)
        self._process: Ffmpeg | None = None
        self._origin_s = 0.0
        self._last_pts = -1

    def start(self, process: Ffmpeg, origin_s: float) -> None:
        """Go on with a process started with `feed_options`; its time 0 is our `origin_s`."""
        self._process, self._origin_s, self._last_pts = process, origin_s, -1
        stream = self._info.stream
        with contextlib.suppress(BrokenPipeError):  # which the first frame meets again
            process.write(
                nut.file_header(
                    self.size_hw,
                    self.pixels,
                    time_base=self._time_base,
                    pixel_aspect=stream.pixel_aspect,
                    fps=stream.fps or DEFAULT_FPS,
                )
            )

    def check(self, picture: Picture) -> None:
        """Raise `ValueError` if the picture is not one of the stream."""
        stream = self._info.stream
        expected = stream.height, stream.width, 4 if self._info.has_alpha else 3
        num_channels = 3 if isinstance(picture, YuvPicture) else picture.rgb.shape[2]
        shape = *picture.size_hw, num_channels
        if shape != expected:
            raise ValueError(f"picture: expected {expected}, got {shape}")

    def write(self, picture: Picture, time_s: float) -> None:
        """Hand over one picture.

        A timestamp that does not come after the one before is moved to the next possible one.

        Raises:
            BrokenPipeError: the process has ended.
        """
        assert self._process is not None
        pts = round((time_s - self._origin_s) / float(self._time_base))
        self._last_pts = pts = max(pts, self._last_pts + 1)
        planes = [np.ascontiguousarray(plane) for plane in self._coded(picture)]
        self._process.write(nut.frame_header(pts, sum(plane.nbytes for plane in planes)))
        for plane in planes:
            self._process.write(plane.data.cast("B"))

    def _coded(self, picture: Picture) -> Sequence[NDArray[np.uint8]]:
        if self._coding is None:
            return [fitted(picture.rgb, self.size_hw)]
        if not isinstance(picture, YuvPicture) or picture.coding != self._coding:
            picture = YuvPicture.of_rgb(fitted(picture.rgb, self.size_hw), self._coding)
        luma, *chroma = picture.planes
        half_hw = self.size_hw[0] // 2, self.size_hw[1] // 2
        return [fitted(luma, self.size_hw), *(fitted(plane, half_hw) for plane in chroma)]

    @property
    def last_s(self) -> float:
        """Time of the last frame, on the process' clock."""
        return float(self._last_pts * self._time_base)

    @property
    def end_s(self) -> float:
        """End of the last frame, likewise.

        The muxer, too, lets the last frame last as long as the nominal rate says.
        """
        return self.last_s + self._step_s

    def is_usual(self, lasts_s: float) -> bool:
        """Return whether a last frame lasts about as long as the nominal rate says."""
        return abs(lasts_s - self._step_s) < self._step_s / 2

    @property
    def _step_s(self) -> float:
        return float(1 / (self._info.stream.fps or DEFAULT_FPS))


def _time_base(source: Fraction | None) -> Fraction:
    """Return the source's time base or a part of it, fine enough for frames between its ticks."""
    if source is None or source < _FINEST_TIME_BASE:
        return _DEFAULT_TIME_BASE
    while source > _COARSEST_TIME_BASE:
        source /= 2
    return source
