"""Alpha at frame size from a small mask: edges guided by the frame, blending over time."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.picture import Picture, RgbPicture
from segmentation.refinement.guided_filter import apply, fit
from segmentation.refinement.temporal_blend import TemporalBlend

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
        self, picture: Picture, mask: NDArray[np.uint8], *, restart: bool
    ) -> NDArray[np.uint8]:
        """Bring a mask to the size of its frame and its edges to those of the frame.

        Args:
            picture: the frame, H x W.
            mask: (h, w) uint8 of the whole frame at any size, probability x 255 that a pixel is
                foreground. Not written to.
            restart: the frame does not continue the one of the last call: forget the past.

        Returns:
            (H, W) uint8, 255 = foreground; exactly 0 and 255 but for a narrow band at the edges.
            Not to be written to: it is looked at again when the next frame comes.

        Raises:
            ValueError: `mask` has another shape or dtype.
        """
        if mask.dtype != np.uint8 or mask.ndim != 2 or mask.size == 0:
            raise ValueError(f"mask: expected uint8 (h, w), got {mask.dtype} {mask.shape}")
        height, width = picture.size_hw
        halvings = _num_halvings(height, width)
        picture, mask = _whole_cells(picture, mask, 2**halvings)
        colours = np.array(cv2.split(picture.halved(halvings)), np.float32)
        target = _resized(mask, colours.shape[1:]).astype(np.float32)
        if self._over_time is None:
            return apply(fit(colours, target), picture, None)[:height, :width]
        if restart or self._past is None or self._past.shape != picture.size_hw:
            self._over_time.forget()
            self._past = None
        target = self._over_time.blend(colours, target)
        self._past = apply(fit(colours, target), picture, self._past)
        return self._past[:height, :width]


def _num_halvings(height: int, width: int) -> int:
    """Return how often a frame is halved until a pixel stands for a cell."""
    times = 0
    while min(height, width) > MAX_CELLS * 2**times:
        times += 1
    return times


def _whole_cells(
    picture: Picture, mask: NDArray[np.uint8], cell: int
) -> tuple[Picture, NDArray[np.uint8]]:
    """Return both, continued at the bottom and the right to a whole number of cells."""
    height, width = picture.size_hw
    bottom, right = -height % cell, -width % cell
    if bottom or right:
        edges = 0, bottom, 0, right, cv2.BORDER_REPLICATE
        picture = RgbPicture(np.asarray(cv2.copyMakeBorder(picture.rgb, *edges), np.uint8))
        mask = np.asarray(cv2.copyMakeBorder(_resized(mask, (height, width)), *edges), np.uint8)
    return picture, mask


def _resized(mask: NDArray[np.uint8], size_hw: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return `mask` at `size_hw`, halved while it can be and then resized bilinearly."""
    height, width = size_hw
    while mask.shape[0] >= 2 * height and mask.shape[1] >= 2 * width:
        mask = np.asarray(cv2.resize(mask, (mask.shape[1] // 2, mask.shape[0] // 2)), np.uint8)
    return np.asarray(cv2.resize(mask, (width, height)), np.uint8)
