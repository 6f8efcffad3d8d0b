"""The square input of Mask R-CNN byte for byte as Matterport's program makes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def original_mold(
    image: NDArray[np.uint8], size: int, window: Sequence[int] | NDArray[Any]
) -> NDArray[np.uint8]:
    """Return the photo (size, size, 3) in its window, black around, to scipy's last bit.

    scikit-image leaves the resizing to scipy, which weights two pixels by 1 - f and 1 - (1 - f),
    multiplies a pixel by the weight of its row, then by that of its column, and adds row by row.
    The result is cut off to bytes: where the exact one is a whole number, the last bit of that
    arithmetic decides whether the byte is this number or one less.

    Args:
        image: (H, W, 3) uint8 RGB.
        size: side of the square in pixels.
        window: y1, x1, y2, x2 of the photo in the square.
    """
    top, left, bottom, right = (int(side) for side in window)
    size_hw = (bottom - top, right - left)
    molded = np.zeros((size, size, 3), np.uint8)
    resized = image if size_hw == image.shape[:2] else _resized(image, size_hw)
    molded[top:bottom, left:right] = resized
    return molded


def _resized(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    framed = np.pad(image.astype(np.float64), ((1, 1), (1, 1), (0, 0)))  # black beyond the photo
    (first_row, row_weights), (first_column, column_weights) = (
        _taps(num_in, num_out) for num_in, num_out in zip(image.shape, size_hw, strict=False)
    )
    total = np.zeros((*size_hw, 3))
    for down, row_weight in enumerate(row_weights):
        rows = framed[first_row + down] * row_weight[:, None, None]
        for along, column_weight in enumerate(column_weights):
            total += rows[:, first_column + along] * column_weight[:, None]
    return np.clip(total, image.min(), image.max()).astype(np.uint8)


def _taps(num_in: int, num_out: int) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    """Return the first of two pixels for each sample, in the framed photo, and both weights."""
    places = (np.arange(num_out) + 0.5) * (num_in / num_out) - 0.5
    below = np.floor(places)
    weight = 1.0 - (places - below)
    return below.astype(np.int64) + 1, [weight, 1.0 - weight]
