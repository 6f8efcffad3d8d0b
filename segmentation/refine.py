"""Alpha at frame size from a small mask: edges guided by the frame, blending over time."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.guided_filter import apply, fit
from segmentation.temporal_blend import TemporalBlend

#: A frame is divided into square cells, 1, 2, 4, 8, ... pixels wide, of which its short side has
#: at most this many. Mask and picture are compared with one value for each cell.
MAX_CELLS = 135


class Refiner:
    """Makes alpha from masks, one for each stream: it remembers the frames before."""

    def __init__(self, *, blend: bool) -> None:
        """Begin without a past.

        Args:
            blend: blend masks over time; `False` for independent pictures.
        """
        self._over_time = TemporalBlend() if blend else None
        self._past: NDArray[np.uint8] | None = None

    def alpha(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8], *, restart: bool
    ) -> NDArray[np.uint8]:
        """Bring a mask to the size of its frame and its edges to those of the frame.

        Args:
            image: (H, W, 3) uint8 RGB. Not written to.
            mask: (h, w) uint8 of the whole frame at any size, probability x 255 that a pixel is
                foreground. Not written to.
            restart: the frame does not continue the one of the last call: forget the past.

        Returns:
            (H, W) uint8, 255 = foreground; exactly 0 and 255 but for a narrow band at the edges.
            Not to be written to: it is looked at again when the next frame comes.

        Raises:
            ValueError: `image` or `mask` has another shape or dtype.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ValueError(f"image: expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
        if mask.dtype != np.uint8 or mask.ndim != 2 or mask.size == 0:
            raise ValueError(f"mask: expected uint8 (h, w), got {mask.dtype} {mask.shape}")
        height, width = image.shape[:2]
        cell = _cell_size(height, width)
        image, mask = _whole_cells(image, mask, cell)
        picture = _cell_means(image, cell)
        target = _resized(mask, picture.shape[:2]).astype(np.float32)
        if self._over_time is None:
            return apply(fit(picture, target), image, None)[:height, :width]
        if restart or self._past is None or self._past.shape != image.shape[:2]:
            self._over_time.forget()
            self._past = None
        target = self._over_time.blend(picture, target)
        self._past = apply(fit(picture, target), image, self._past)
        return self._past[:height, :width]


def _cell_size(height: int, width: int) -> int:
    cell = 1
    while min(height, width) > MAX_CELLS * cell:
        cell *= 2
    return cell


def _whole_cells(
    image: NDArray[np.uint8], mask: NDArray[np.uint8], cell: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return both, continued at the bottom and the right to a whole number of cells."""
    height, width = image.shape[:2]
    bottom, right = -height % cell, -width % cell
    if bottom or right:
        edges = 0, bottom, 0, right, cv2.BORDER_REPLICATE
        image = np.asarray(cv2.copyMakeBorder(image, *edges), np.uint8)
        mask = np.asarray(cv2.copyMakeBorder(_resized(mask, (height, width)), *edges), np.uint8)
    return np.ascontiguousarray(image), mask


def _cell_means(image: NDArray[np.uint8], cell: int) -> NDArray[np.uint8]:
    while cell > 1:
        image = np.asarray(cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2)), np.uint8)
        cell //= 2
    return image


def _resized(mask: NDArray[np.uint8], size_hw: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return `mask` at `size_hw`, halved while it can be and then resized bilinearly."""
    height, width = size_hw
    while mask.shape[0] >= 2 * height and mask.shape[1] >= 2 * width:
        mask = np.asarray(cv2.resize(mask, (mask.shape[1] // 2, mask.shape[0] // 2)), np.uint8)
    return np.asarray(cv2.resize(mask, (width, height)), np.uint8)
