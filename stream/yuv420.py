"""Planar YUV 4:2:0 with 8 bits, the pixels of nearly every video file, as pictures.

They pass through ffmpeg's pipes as they are, half the bytes of RGB. Blurred, they are never
converted: what stays sharp is written to the bit as it was read. Where RGB is needed OpenCV
converts, at a quarter of the time of ffmpeg's exact conversion, which has every other format, odd
sizes when writing, and transparency.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.picture import Picture, half_of, halvings_above, resized, rows_of_squares

Image = NDArray[np.uint8]

#: (4, 4): YUV, its chroma as stored, of YUV with signed chroma.
_SIGNED_CHROMA = np.eye(4) + np.outer([0, 128, 128, 0], [0, 0, 0, 1])

#: Weights of red and blue in luma, by ffmpeg's name of the matrix; pictures are kept and written
#: in these alone. Source: ITU-T H.273, table 4. What a file does not say is BT.601, as in all of
#: ffmpeg.
LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "bt2020nc": (0.2627, 0.0593),
    "unknown": (0.299, 0.114),
}


@dataclass(frozen=True, slots=True)
class YuvCoding:
    """How colours are coded.

    Attributes:
        matrix: one of `LUMA_WEIGHTS`.
        full_range: values use all of 0 to 255, and not 16 to 235 (chroma 240).
    """

    matrix: str
    full_range: bool = False


class YuvPicture(Picture):
    """Pixels as they are coded.

    To RGB and back, colours are rounded, not cut off: they stay where they are, on average to
    0.2 of 255. Chroma lies in the middle of its four pixels and is interpolated linearly.

    Args:
        luma: (H, W) uint8.
        blue: (h, w) uint8, half of H and W, rounded up: with an odd side chroma has half a pixel
            more, as everywhere.
        red: likewise.
        coding: of the values.

    Attributes:
        coding: of the values.
        planes: luma, blue and red.
    """

    def __init__(self, luma: Image, blue: Image, red: Image, coding: YuvCoding) -> None:
        """Take over the planes."""
        self.planes = luma, blue, red
        self._halves: list[tuple[Image, ...]] = [self.planes]
        self.coding = coding
        self._rgb: Image | None = None

    @classmethod
    def of_bytes(cls, data: Image, size_hw: tuple[int, int], coding: YuvCoding) -> YuvPicture:
        """Return the picture of (`num_bytes`,) uint8: all of Y, then all of U, then all of V."""
        height, width = size_hw
        chroma_hw = _chroma_hw(size_hw)
        blue, red = data[height * width :].reshape(2, *chroma_hw)
        return cls(data[: height * width].reshape(size_hw), blue, red, coding)

    @classmethod
    def of_rgb(cls, image: Image, coding: YuvCoding) -> YuvPicture:
        """Return the picture that is nearest to (H, W, 3) uint8 RGB with even sides."""
        luma, *chroma = cv2.split(cv2.transform(image, _from_rgb(coding)))
        size = image.shape[1] // 2, image.shape[0] // 2
        blue, red = (np.asarray(cv2.resize(plane, size), np.uint8) for plane in chroma)
        return cls(np.asarray(luma, np.uint8), blue, red, coding)

    @property
    def size_hw(self) -> tuple[int, int]:
        """See `Picture`."""
        luma = self.planes[0]
        return luma.shape[0], luma.shape[1]

    @property
    def rgb(self) -> Image:
        """See `Picture`. Not writeable, and made once."""
        if self._rgb is None:
            height, width = self.size_hw
            luma, *chroma = self.planes
            size = 2 * chroma[0].shape[1], 2 * chroma[0].shape[0]
            # together they take a third of the time
            enlarged = cv2.resize(cv2.merge(chroma), size)[:height, :width]
            blue, red = (np.asarray(plane, np.uint8) for plane in cv2.split(enlarged))
            self._rgb = self._converted(luma, blue, red)
            self._rgb.flags.writeable = False
        return self._rgb

    def halved_planes(self, times: int) -> tuple[Image, ...]:
        """Return luma, blue and red of the picture shrunk to half its sides so many times.

        All of one size, but for 0 times.
        """
        while len(self._halves) <= times:
            luma, *chroma = self._halves[-1]
            if len(self._halves) > 1:  # chroma has half the size to begin with
                chroma = [half_of(plane) for plane in chroma]
            self._halves.append((half_of(luma), *chroma))
        return self._halves[times]

    def halved(self, times: int) -> Image:
        """See `Picture`."""
        return self._converted(*self.halved_planes(times)) if times else self.rgb

    def shrunk(self, size_hw: tuple[int, int]) -> Image:
        """See `Picture`."""
        planes = self.halved_planes(halvings_above(self.size_hw, size_hw))
        return self._converted(*(resized(plane, size_hw) for plane in planes))

    @property
    def to_rgb(self) -> NDArray[np.float64]:
        """See `Picture`."""
        return np.asarray(to_rgb_matrix(self.coding) @ _SIGNED_CHROMA, np.float64)

    def cells(
        self, y: NDArray[np.intp], x: NDArray[np.intp], cell: int
    ) -> list[NDArray[np.uint8] | NDArray[np.int8]]:
        """See `Picture.cells`. Chroma is signed, 0 without colour."""
        luma, *chroma = self.planes
        if cell == 1:
            return [luma[y, x, None], *(_signed(plane[y // 2, x // 2, None]) for plane in chroma)]
        return [
            rows_of_squares(luma, cell)[y, :, x].view(np.uint8),
            *(_signed(rows_of_squares(plane, cell // 2)[y, :, x]) for plane in chroma),
        ]

    def replaced(self, planes: Sequence[Image]) -> YuvPicture:
        """Return a picture of other planes in the same coding."""
        luma, blue, red = planes
        return YuvPicture(luma, blue, red, self.coding)

    def _converted(self, luma: Image, blue: Image, red: Image) -> Image:
        return np.asarray(
            cv2.transform(cv2.merge([luma, blue, red]), to_rgb_matrix(self.coding)), np.uint8
        )


def num_bytes(size_hw: tuple[int, int]) -> int:
    """Return the length of a picture, see `YuvPicture.of_bytes`."""
    height, width = _chroma_hw(size_hw)
    return size_hw[0] * size_hw[1] + 2 * height * width


def _chroma_hw(size_hw: tuple[int, int]) -> tuple[int, int]:
    return (size_hw[0] + 1) // 2, (size_hw[1] + 1) // 2


def _signed(chroma: NDArray[Any]) -> NDArray[np.int8]:
    return (chroma.view(np.uint8) - np.uint8(128)).view(np.int8)


@lru_cache(maxsize=16)
def to_rgb_matrix(coding: YuvCoding) -> NDArray[np.float64]:
    """Return (3, 4): RGB is its first three columns times YUV, plus the last."""
    red, blue = LUMA_WEIGHTS[coding.matrix]
    green = 1 - red - blue
    from_chroma = np.array(
        [
            [0, 2 * (1 - red)],
            [-2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [2 * (1 - blue), 0],
        ]
    )
    luma_scale, chroma_scale, black = (1, 1, 0) if coding.full_range else (255 / 219, 255 / 224, 16)
    scaled = np.column_stack([np.full(3, luma_scale), from_chroma * chroma_scale])
    return np.column_stack([scaled, -scaled @ [black, 128, 128]])


@lru_cache(maxsize=16)
def _from_rgb(coding: YuvCoding) -> NDArray[np.float64]:
    to_rgb = to_rgb_matrix(coding)
    inverse = np.linalg.inv(to_rgb[:, :3])
    return np.column_stack([inverse, -inverse @ to_rgb[:, 3]])
