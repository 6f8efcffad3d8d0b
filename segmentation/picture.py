"""The pixels of a frame, as what looks at them asks for them, however they are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


class Picture(ABC):
    """Pixels, never written to. What is made of them is kept, for whoever asks next.

    Several threads may ask for `rgb`, one at a time for everything else.
    """

    def __init__(self) -> None:
        """Begin with nothing made."""
        self._halves: list[Image] = []

    @property
    @abstractmethod
    def size_hw(self) -> tuple[int, int]:
        """Height and width, in pixels."""

    @property
    @abstractmethod
    def rgb(self) -> Image:
        """(H, W, 3) uint8 RGB; of what is shown also (H, W, 4) with straight alpha."""

    @abstractmethod
    def _half(self) -> Image:
        """Return `halved(1)`."""

    @abstractmethod
    def cells(self, y: NDArray[np.intp], x: NDArray[np.intp], cell: int) -> Image:
        """Return the pixels of some of the squares that the picture consists of.

        Args:
            y: (N,) rows of the squares, 0 for the uppermost.
            x: (N,) columns.
            cell: side of a square in pixels, 1, 2, 4, 8, ..., of which the sides of the picture
                are multiples.

        Returns:
            (N, cell * cell, 3) uint8 RGB.
        """

    def halved(self, times: int) -> Image:
        """Return the picture shrunk to half its sides, rounded down, so many times.

        OpenCV's one fast way to average over areas: each pixel is the mean of four.
        """
        if times == 0:
            return self.rgb
        while len(self._halves) < times:
            self._halves.append(_half_of(self._halves[-1]) if self._halves else self._half())
        return self._halves[times - 1]


class RgbPicture(Picture):
    """Pixels stored as RGB.

    Args:
        image: (H, W, 3) uint8 RGB, or (H, W, 4) with straight alpha.

    Raises:
        ValueError: it has another shape or dtype.
    """

    def __init__(self, image: Image) -> None:
        """Take over `image`."""
        super().__init__()
        is_image = image.ndim == 3 and image.shape[2] in (3, 4) and image.size > 0
        if not is_image or image.dtype != np.uint8:
            raise ValueError(f"image: expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
        self._image = image

    @property
    def size_hw(self) -> tuple[int, int]:
        """See `Picture`."""
        return self._image.shape[0], self._image.shape[1]

    @property
    def rgb(self) -> Image:
        """The image itself."""
        return self._image

    def _half(self) -> Image:
        return _half_of(self._image)

    def cells(self, y: NDArray[np.intp], x: NDArray[np.intp], cell: int) -> Image:
        """See `Picture.cells`."""
        return squares(self._image, cell)[y, :, x].reshape(len(y), cell * cell, 3)


def squares(plane: Image, cell: int) -> Image:
    """Return (h * cell, w * cell, ...) as (h, cell, w, ...), so that [y, :, x] is a square."""
    height, width = plane.shape[0] // cell, plane.shape[1] // cell
    return np.ascontiguousarray(plane).reshape(height, cell, width, -1)


def _half_of(image: Image) -> Image:
    height, width = max(1, image.shape[0] // 2), max(1, image.shape[1] // 2)
    return np.asarray(cv2.resize(image, (width, height)), np.uint8)
