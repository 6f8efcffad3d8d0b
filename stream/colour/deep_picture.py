"""Planar YUV 4:2:0 with 10 bits as pictures; see `stream.yuv420` for 8.

Who asks for RGB gets what screens show: sRGB with 8 bits, HDR tone-mapped, made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.picture import Picture, RgbPicture, halvings_above
from stream.colour.screen import MOST, Colours, Deep, Image, from_screen, recoloured, to_screen
from stream.yuv420 import YuvCoding, YuvPicture, num_bytes, to_rgb_matrix

# What the four pixels of a square are rounded by: on average values between two of 8 bits stay.
_DITHER = np.array([[0, 2], [3, 1]], np.uint16)


@dataclass(frozen=True, slots=True)
class DeepCoding:
    """How colours are coded.

    Attributes:
        yuv: matrix and range.
        colours: what red, green and blue are.
    """

    yuv: YuvCoding
    colours: Colours


class DeepPicture(Picture):
    """Pixels as they are coded.

    Args:
        planes: luma (H, W), blue and red at half of its sides, rounded up; uint16 in [0, 1023].
        coding: of the values.

    Attributes:
        planes: likewise.
        coding: likewise.
    """

    def __init__(self, planes: Sequence[Deep], coding: DeepCoding) -> None:
        """Take over the planes."""
        self.planes: tuple[Deep, ...] = tuple(planes)
        self.coding = coding
        self._halves = [self.planes]
        self._rgb: Image | None = None
        self._high_bits: YuvPicture | None = None

    @classmethod
    def of_bytes(cls, data: Image, size_hw: tuple[int, int], coding: DeepCoding) -> DeepPicture:
        """Return the picture of (`num_deep_bytes`,) uint8: all of Y, then of U, then of V."""
        values, (height, width) = data.view("<u2"), size_hw
        blue, red = values[height * width :].reshape(2, (height + 1) // 2, (width + 1) // 2)
        return cls((values[: height * width].reshape(size_hw), blue, red), coding)

    @classmethod
    def of_deep_rgb(cls, image: Deep, coding: DeepCoding) -> DeepPicture:
        """Return the picture that is nearest to (H, W, 3) uint16 RGB in [0, 1023]."""
        height, width = image.shape[:2]
        from_rgb = _from_rgb(coding.yuv)
        luma = cv2.transform(image, from_rgb[:1])
        edges = 0, height % 2, 0, width % 2
        even = cv2.copyMakeBorder(image, *edges, cv2.BORDER_REPLICATE) if any(edges) else image
        half = cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2))
        planes = [luma, *cv2.split(cv2.transform(half, from_rgb[1:]))]
        return cls([np.asarray(cv2.min(plane, MOST), np.uint16) for plane in planes], coding)

    @classmethod
    def of_srgb(cls, image: Image, coding: DeepCoding) -> DeepPicture:
        """Return the picture of (H, W, 3) uint8 sRGB, whose white has 203 nits in HDR."""
        return cls.of_deep_rgb(from_screen(image, coding.colours), coding)

    @property
    def size_hw(self) -> tuple[int, int]:
        """See `Picture`."""
        luma = self.planes[0]
        return luma.shape[0], luma.shape[1]

    @property
    def deep_rgb(self) -> Deep:
        """(H, W, 3) uint16 RGB in [0, 1023], in the picture's own colours."""
        return self._converted(self.planes)

    @property
    def rgb(self) -> Image:
        """See `Picture`. Not writeable, and made once."""
        if self._rgb is None:
            self._rgb = to_screen(self.deep_rgb, self.coding.colours)
            self._rgb.flags.writeable = False
        return self._rgb

    def halved_planes(self, times: int) -> Sequence[Deep]:
        """Return luma, blue and red of the picture shrunk to half its sides so many times.

        All of one size, but for 0 times.
        """
        while len(self._halves) <= times:
            luma, *chroma = self._halves[-1]
            if len(self._halves) > 1:  # chroma has half the size to begin with
                chroma = [_half_of(plane) for plane in chroma]
            self._halves.append((_half_of(luma), *chroma))
        return self._halves[times]

    def halved(self, times: int) -> Image:
        """See `Picture`."""
        if not times:
            return self.rgb
        return to_screen(self._converted(self.halved_planes(times)), self.coding.colours)

    def shrunk(self, size_hw: tuple[int, int]) -> Image:
        """See `Picture`."""
        planes = self.halved_planes(halvings_above(self.size_hw, size_hw))
        small = [_resized(plane, size_hw) for plane in planes]
        return to_screen(self._converted(small), self.coding.colours)

    @property
    def to_rgb(self) -> NDArray[np.float64]:
        """See `Picture`."""
        return np.eye(3, 4)

    def cells(self, y: NDArray[np.intp], x: NDArray[np.intp], cell: int) -> list[Image]:
        """See `Picture.cells`."""
        return RgbPicture(self.rgb).cells(y, x, cell)

    @property
    def high_bits(self) -> YuvPicture:
        """The upper 8 bits of its values, HDR as it is coded: enough to see edges by."""
        if self._high_bits is None:
            luma, blue, red = (
                np.asarray(cv2.convertScaleAbs(plane, alpha=1 / 4), np.uint8)
                for plane in self.planes
            )
            self._high_bits = YuvPicture(luma, blue, red, self.coding.yuv)
        return self._high_bits

    def dithered(self) -> YuvPicture:
        """Return the picture with 8 bits, in which neighbours together keep the other two."""
        luma, blue, red = map(_dithered, self.planes)
        return YuvPicture(luma, blue, red, self.coding.yuv)

    def replaced(self, planes: Sequence[Deep]) -> DeepPicture:
        """Return a picture of other planes in the same coding."""
        return DeepPicture(planes, self.coding)

    def planes_of(self, image: Deep) -> Sequence[Deep]:
        """Return the planes, in the same coding, nearest to (H, W, 3) uint16 RGB in [0, 1023]."""
        return DeepPicture.of_deep_rgb(image, self.coding).planes

    def _converted(self, planes: Sequence[Deep]) -> Deep:
        luma, *chroma = planes
        height, width = luma.shape
        if chroma[0].shape != luma.shape:
            size = 2 * chroma[0].shape[1], 2 * chroma[0].shape[0]
            chroma = [np.asarray(cv2.resize(each, size)[:height, :width]) for each in chroma]
        image = cv2.transform(cv2.merge([luma, *chroma]), _to_rgb(self.coding.yuv))
        return np.asarray(cv2.min(image, (MOST,) * 4), np.uint16)


@dataclass(frozen=True, slots=True)
class ToDeep:
    """Brings what is put into frames with 10 bits into their colours; see `ColouredEffect`.

    Attributes:
        colours: of the frames.
    """

    colours: Colours

    def __call__(self, image: Image) -> Deep:
        """Return (H, W, 3) uint16 RGB in [0, 1023] of (H, W, 3) uint8 sRGB."""
        return from_screen(image, self.colours)

    def _keeps_light(self, colours: Colours) -> bool:
        """Return whether pictures in such colours stay brighter than white."""
        return colours.is_hdr and self.colours.is_hdr

    def of(self, picture: Picture) -> Deep:
        """Return the same of a picture; HDR keeps its own brightness in HDR."""
        if isinstance(picture, DeepPicture) and self._keeps_light(picture.coding.colours):
            return recoloured(picture.deep_rgb, picture.coding.colours, self.colours)
        return self(picture.rgb)


def num_deep_bytes(size_hw: tuple[int, int]) -> int:
    """Return the length of a picture, see `DeepPicture.of_bytes`."""
    return 2 * num_bytes(size_hw)


def _dithered(plane: Deep) -> Image:
    height, width = plane.shape
    pattern = np.tile(_DITHER, ((height + 1) // 2, (width + 1) // 2))[:height, :width]
    return np.asarray(np.minimum((plane + pattern) >> 2, 255), np.uint8)


def _half_of(plane: Deep) -> Deep:
    return _resized(plane, ((plane.shape[0] + 1) // 2, (plane.shape[1] + 1) // 2))


def _resized(plane: Deep, size_hw: tuple[int, int]) -> Deep:
    return np.asarray(cv2.resize(plane, size_hw[::-1]), np.uint16)


@lru_cache(maxsize=8)
def _to_rgb(coding: YuvCoding) -> NDArray[np.float64]:
    """Return (3, 4): RGB is its first three columns times YUV, plus the last; of 10 bits each."""
    linear = to_rgb_matrix(coding)[:, :3] * (1 if coding.full_range else MOST / (4 * 255))
    black = 0 if coding.full_range else 64
    return np.column_stack([linear, -linear @ [black, 512, 512]])


@lru_cache(maxsize=8)
def _from_rgb(coding: YuvCoding) -> NDArray[np.float64]:
    to_rgb = _to_rgb(coding)
    inverse = np.linalg.inv(to_rgb[:, :3])
    return np.column_stack([inverse, -inverse @ to_rgb[:, 3]])
