"""The pixels of a frame, as what looks at them asks for them, however they are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

#: of files of photos that any program reads, in lower case
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


class Picture(ABC):
    """Pixels, never written to. What is made of them is kept, for whoever asks next.

    Several threads may ask for `rgb`, one at a time for everything else.
    """

    @property
    @abstractmethod
    def size_hw(self) -> tuple[int, int]:
        """Height and width, in pixels."""

    @property
    @abstractmethod
    def rgb(self) -> Image:
        """(H, W, 3) uint8 RGB; of what is shown also (H, W, 4) with straight alpha."""

    @abstractmethod
    def halved(self, times: int) -> Image:
        """Return RGB shrunk to half its sides, rounded up, so many times.

        OpenCV's one fast way to average over areas: each pixel is the mean of four.
        """

    @abstractmethod
    def shrunk(self, size_hw: tuple[int, int]) -> Image:
        """Return RGB at a smaller size.

        Halved while it can be; the rest shrinks by less than two, where linear interpolation
        leaves out none of the pixels.
        """

    @property
    @abstractmethod
    def to_rgb(self) -> NDArray[np.float64]:
        """(3, 4): RGB is its first three columns times the channels of `cells`, plus the last."""

    @abstractmethod
    def cells(
        self, y: NDArray[np.intp], x: NDArray[np.intp], cell: int
    ) -> Sequence[NDArray[np.uint8] | NDArray[np.int8]]:
        """Return the pixels of some of the squares that the picture consists of, as stored.

        Args:
            y: (N,) rows of the squares, 0 for the uppermost.
            x: (N,) columns.
            cell: side of a square in pixels, 1, 2, 4, 8, ..., of which the sides of the picture
                are multiples.

        Returns:
            Three channels, (N, k * k) each, centred where a value has a middle. k is `cell`, or
            half of it where one value stands for four pixels.
        """


class RgbPicture(Picture):
    """Pixels stored as RGB.

    Args:
        image: (H, W, 3) uint8 RGB, or (H, W, 4) with straight alpha.

    Raises:
        ValueError: it has another shape or dtype.
    """

    def __init__(self, image: Image) -> None:
        """Take over `image`."""
        is_image = image.ndim == 3 and image.shape[2] in (3, 4) and image.size > 0
        if not is_image or image.dtype != np.uint8:
            raise ValueError(f"image: expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
        self._halves = [image]

    @property
    def size_hw(self) -> tuple[int, int]:
        """See `Picture`."""
        height, width = self._halves[0].shape[:2]
        return height, width

    @property
    def rgb(self) -> Image:
        """The image itself."""
        return self._halves[0]

    def halved(self, times: int) -> Image:
        """See `Picture`."""
        while len(self._halves) <= times:
            self._halves.append(half_of(self._halves[-1]))
        return self._halves[times]

    def shrunk(self, size_hw: tuple[int, int]) -> Image:
        """See `Picture`."""
        return resized(self.halved(halvings_above(self.size_hw, size_hw)), size_hw)

    @property
    def to_rgb(self) -> NDArray[np.float64]:
        """See `Picture`."""
        return np.eye(3, 4)

    def cells(self, y: NDArray[np.intp], x: NDArray[np.intp], cell: int) -> list[Image]:
        """See `Picture.cells`."""
        height, width = self.size_hw[0] // cell, self.size_hw[1] // cell
        squares = np.ascontiguousarray(self.rgb).reshape(height, cell, width, -1)
        pixels = squares[y, :, x].reshape(len(y), cell * cell, -1)
        return [np.asarray(channel, np.uint8) for channel in cv2.split(pixels)[:3]]


class GreyPicture(RgbPicture):
    """RGB whose three channels are equal, and are one where a file can hold that.

    Args:
        image: (H, W, 3) uint8.
    """

    @property
    def grey(self) -> Image:
        """(H, W) uint8, each of the channels."""
        return np.ascontiguousarray(self.rgb[..., 0])


def rows_of_squares(plane: Image, cell: int) -> NDArray[Any]:
    """Return (h * cell, w * cell) uint8 as (h, cell, w) rows of `cell` bytes.

    [y, :, x] of it are squares, which numpy copies row by row and not byte by byte.
    """
    height, width = plane.shape[0] // cell, plane.shape[1] // cell
    rows = np.ascontiguousarray(plane).view(f"V{cell}" if cell > 8 else f"u{cell}")
    return rows.reshape(height, cell, width)


def halvings_above(size_hw: tuple[int, int], smaller_hw: tuple[int, int]) -> int:
    """Return how often an image can be halved and still be as large as `smaller_hw`."""
    times = 0
    while max(size_hw) >> times >= 2 * max(smaller_hw):
        times += 1
    return times


def half_of(image: Image) -> Image:
    """Return (H, W) or (H, W, C) at half its sides, rounded up."""
    return resized(image, ((image.shape[0] + 1) // 2, (image.shape[1] + 1) // 2))


def resized(image: Image, size_hw: tuple[int, int]) -> Image:
    """Return (H, W) or (H, W, C) at `size_hw`, interpolated linearly."""
    return np.asarray(cv2.resize(image, size_hw[::-1]), np.uint8)


def letterboxed(
    picture: Picture, aspect: Fraction, size_hw: tuple[int, int], pixel_aspect: Fraction
) -> Picture:
    """Return `picture` in the middle of a black one; itself where it fills that.

    Args:
        picture: of any size, also stretched.
        aspect: width over height of what it shows.
        size_hw: height and width of the stream, in pixels.
        pixel_aspect: width of a pixel of the stream over its height.
    """
    height, width = size_hw
    shown_wh = aspect / pixel_aspect  # in pixels of the stream
    inner_w = min(width, max(1, round(height * shown_wh)))
    inner_h = min(height, max(1, round(width / shown_wh)))
    if picture.size_hw == size_hw == (inner_h, inner_w):
        return picture
    image = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner_h) // 2, (width - inner_w) // 2
    image[top : top + inner_h, left : left + inner_w] = resized(picture.rgb, (inner_h, inner_w))
    return RgbPicture(image)
