"""Frames on their way into an ffmpeg, with their timestamps, and what is heard with them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from contextlib import nullcontext
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.picture import Picture
from stream.colour.deep_picture import DeepCoding, DeepPicture
from stream.colour.screen import Colours
from stream.ffmpeg.encoding import matroska, nut
from stream.ffmpeg.encoding.codecs import Encoding
from stream.ffmpeg.encoding.formats import DEFAULT_FPS, coded_colour
from stream.ffmpeg.encoding.sound_writer import SoundWriter
from stream.ffmpeg.process import KEEP_TIMESTAMPS, Ffmpeg
from stream.frame import OutputInfo, even_hw, fitted
from stream.microphone.timeline import CHANNELS, RATE, Timeline
from stream.yuv420 import YuvCoding, YuvPicture

_DEFAULT_TIME_BASE = Fraction(1, 90_000)
_COARSEST_TIME_BASE = Fraction(1, 10_000)
_FINEST_TIME_BASE = Fraction(1, 1_000_000)
_SOUND = nut.SoundFormat(RATE, CHANNELS)


class FrameFeed:
    """Gives pictures to processes of ffmpeg, one after the other.

    As NUT, whose timestamps are exact; with 10 bits as Matroska, which says how bright they are.

    Args:
        info: of the outputs to come.
        encoding: of the picture, with as many bits as `info` says. Where chroma is halved both
            ways, pictures that are coded otherwise are converted here, which is cheaper than
            ffmpeg's exact conversion.
        timeline: of a microphone, whose sound goes along from the first frame to the last; `None`
            for silent pictures.

    Attributes:
        pixels: ffmpeg's name of the pixels it is given.
        size_hw: height and width of the pictures it is given: at an odd side without the last
            pixel, where the codec has even sides only.
    """

    def __init__(
        self, info: OutputInfo, encoding: Encoding, timeline: Timeline | None = None
    ) -> None:
        """Prepare the conversion."""
        stream = info.stream
        self.pixels = "rgba" if info.has_alpha else "rgb24"
        self._info = info
        self._coding: YuvCoding | None = None
        self._deep: DeepCoding | None = None
        self.size_hw = stream.height, stream.width
        if encoding.is_even:
            self.size_hw = even_hw(self.size_hw)
        is_odd = self.size_hw[0] % 2 or self.size_hw[1] % 2
        is_yuv = encoding.halves_chroma or stream.colour.matrix is not None
        colour = coded_colour(stream.colour)
        coding = YuvCoding(colour.matrix or "bt709", colour.full_range)
        if stream.depth > 8:
            peak_nits = stream.light.peak_nits
            self._deep = DeepCoding(coding, Colours(colour.primaries, colour.transfer, peak_nits))
            self.pixels = "yuv420p10le"
        elif is_yuv and not (is_odd or info.has_alpha):
            self._coding = coding
            self.pixels = "yuv420p"
        self._time_base = _time_base(stream.time_base)
        self._process: Ffmpeg | None = None
        self._origin_s = 0.0
        self._last_pts = -1
        self._sound = None if timeline is None else SoundWriter(timeline, self._sound_header)

    def input_options(self, first_s: float, *, is_joined: bool = False) -> list[str]:
        """Return ffmpeg's arguments that read frames, its first input.

        Args:
            first_s: time of the first frame, from the origin given to `start`.
            is_joined: ffmpeg mends the clock of another input, see `Contents.is_joined`. It counts
                from the start of each then.
        """
        clock = ["-itsoffset", f"{first_s:.6f}"] if is_joined else ["-copyts"]
        return [*clock, "-f", "nut" if self._deep is None else "matroska", "-i", "pipe:0"]

    @property
    def timestamp_options(self) -> list[str]:
        """Ffmpeg's arguments by which the encoder is given all frames at their times."""
        options = list(KEEP_TIMESTAMPS)
        if self._deep is not None:  # the container counts nanoseconds
            options += ["-enc_time_base:v", str(self._time_base)]
        return options

    @property
    def has_sound(self) -> bool:
        """Whether the first input has a track of sound."""
        return self._sound is not None

    def start(self, process: Ffmpeg, origin_s: float) -> None:
        """Go on with a process started with these options; its time 0 is our `origin_s`.

        Sound begins there.
        """
        self._process, self._origin_s, self._last_pts = process, origin_s, -1
        with contextlib.suppress(BrokenPipeError):  # which the first frame meets again
            process.write(self._file_header())
        if self._sound is not None:
            self._sound.start(process, origin_s)

    def _file_header(self) -> bytes:
        stream = self._info.stream
        fps, pixel_aspect = stream.fps or DEFAULT_FPS, stream.pixel_aspect
        sound = None if self._sound is None else _SOUND
        if self._deep is not None:
            return matroska.file_header(
                self.size_hw,
                self.pixels,
                pixel_aspect=pixel_aspect,
                fps=fps,
                light=stream.light,
                sound=sound,
            )
        return nut.file_header(
            self.size_hw,
            self.pixels,
            time_base=self._time_base,
            pixel_aspect=pixel_aspect,
            fps=fps,
            sound=sound,
        )

    def check(self, picture: Picture) -> None:
        """Raise `ValueError` if the picture is not one of the stream."""
        stream = self._info.stream
        expected = stream.height, stream.width, 4 if self._info.has_alpha else 3
        is_yuv = isinstance(picture, YuvPicture | DeepPicture)
        num_channels = 3 if is_yuv else picture.rgb.shape[2]
        shape = *picture.size_hw, num_channels
        if shape != expected:
            raise ValueError(f"picture: expected {expected}, got {shape}")

    def write(self, picture: Picture, time_s: float) -> None:
        """Hand over one picture, after what was heard before it.

        A timestamp that does not come after the one before is moved to the next possible one.

        Raises:
            BrokenPipeError: the process has ended.
        """
        with nullcontext() if self._sound is None else self._sound.before(time_s):
            self._write(picture, time_s)

    def _write(self, picture: Picture, time_s: float) -> None:
        assert self._process is not None
        pts = round((time_s - self._origin_s) / float(self._time_base))
        self._last_pts = pts = max(pts, self._last_pts + 1)
        planes = [np.ascontiguousarray(plane) for plane in self._coded(picture)]
        num_bytes = sum(plane.nbytes for plane in planes)
        if self._deep is None:
            self._process.write(nut.frame_header(pts, num_bytes, has_sound=self.has_sound))
        else:
            self._process.write(matroska.frame_header(pts * self._time_base, num_bytes))
        for plane in planes:
            self._process.write(plane.data.cast("B"))

    def _sound_header(self, number: int, num_bytes: int) -> bytes:
        if self._deep is None:
            return nut.sound_header(number, num_bytes)
        return matroska.sound_header(Fraction(number, RATE), num_bytes)

    def end(self) -> None:
        """Hand over what was heard until the end of the last frame, before the process is told."""
        if self._sound is not None and self._process is not None:
            self._sound.end(self._origin_s + self.end_s)

    def leave(self) -> None:
        """Begin to hand over no more sound, as the process is ended."""
        if self._sound is not None:
            self._sound.leave()

    def close(self) -> None:
        """Free the thread of the sound, after the process has ended. May be called again."""
        if self._sound is not None:
            self._sound.close()

    def _coded(self, picture: Picture) -> Sequence[NDArray[Any]]:
        if self._deep is not None:
            if not isinstance(picture, DeepPicture) or picture.coding != self._deep:
                picture = DeepPicture.of_srgb(picture.rgb, self._deep)
            return self._fitted(picture.planes)
        if self._coding is None:
            return [fitted(picture.rgb, self.size_hw)]
        if isinstance(picture, DeepPicture) and not picture.coding.colours.is_hdr:
            picture = picture.dithered()
        if not isinstance(picture, YuvPicture) or picture.coding != self._coding:
            picture = YuvPicture.of_rgb(fitted(picture.rgb, self.size_hw), self._coding)
        return self._fitted(picture.planes)

    def _fitted(self, planes: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        luma, *chroma = planes
        half_hw = (self.size_hw[0] + 1) // 2, (self.size_hw[1] + 1) // 2
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
