"""A photo becomes the square input of Mask R-CNN, as Matterport's program makes it.

Photos are shrunk so that the long side fits; they are enlarged only as far as the short side stays
at 800/1024 of the input. The rest is black, the photo in the middle. Boxes and masks depend on
every pixel of it, so `mold` and `segmentation.mask_rcnn.molding_layer.Mold` give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.mask_rcnn.box_coordinates import normalise

#: pixels that one sample of a bilinear resize is made of, along one axis
NUM_TAPS = 2


def photo_window(size_hw: tuple[int, int], size: int) -> NDArray[np.int64]:
    """Return y1, x1, y2, x2 of the part of the input that a photo of `size_hw` fills."""
    scale = max(1.0, size * 800 / 1024 / min(size_hw))
    if round(max(size_hw) * scale) > size:
        scale = size / max(size_hw)
    height, width = (max(1, round(side * scale)) for side in size_hw)
    top, left = (size - height) // 2, (size - width) // 2
    return np.array([top, left, top + height, left + width])


def mold(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Bring a photo to the network's square input.

    Args:
        image: (H, W, 3) uint8 RGB.
        size: of the square, in pixels.

    Returns:
        (size, size, 3)
    """
    top, left, bottom, right = photo_window(image.shape[:2], size)
    inner = (bottom - top, right - left)
    molded = np.zeros((size, size, 3), np.uint8)
    resized = image if inner == image.shape[:2] else _resized(image, inner)
    molded[top:bottom, left:right] = resized
    return molded


def _resized(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a photo at another size, to the last bit as scipy's zoom and a cut to bytes make it.

    Where the exact value is a whole number, the last bit decides which byte it becomes: so weights
    and the order of sums are scipy's.
    """
    (rows, row_weights), (columns, column_weights) = (
        taps(num_in, num_out) for num_in, num_out in zip(image.shape, size_hw, strict=False)
    )
    width = size_hw[1]
    # channels in one row with the pixels: numpy is slow where the last axis is short
    places = (columns[..., None] * 3 + np.arange(3)).reshape(width, NUM_TAPS, 3)
    total = np.zeros((size_hw[0], width * 3))
    flat = image.reshape(len(image), -1)
    for down in range(NUM_TAPS):
        weighted = flat[rows[:, down]] * row_weights[:, down, None]
        for along in range(NUM_TAPS):
            weight = np.repeat(column_weights[:, along], 3)
            total += np.take(weighted, places[:, along].ravel(), axis=1) * weight
    clipped = np.clip(total, image.min(), image.max()).astype(np.uint8)
    return clipped.reshape(*size_hw, 3)


def taps(num_in: int, num_out: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the two pixels of which each sample of a resized row is made, and their weights.

    Beyond the photo all is black: the weight is 0 there.

    Args:
        num_in: pixels of the photo along this axis.
        num_out: of the result.

    Returns:
        (num_out, 2) both.
    """
    positions = (np.arange(num_out) + 0.5) * (num_in / num_out) - 0.5
    first = np.floor(positions)
    weight = 1.0 - (positions - first)
    pixels = np.stack([first, first + 1], axis=1).astype(np.int32)
    weights = np.stack([weight, 1.0 - weight], axis=1)
    inside = (pixels >= 0) & (pixels < num_in)
    return np.clip(pixels, 0, num_in - 1), np.where(inside, weights, 0.0)


def molded_inputs(images: NDArray[np.uint8], size: int) -> list[NDArray[Any]]:
    """Return what a network takes that leaves molding to others.

    Args:
        images: (N, H, W, 3) uint8 RGB.
        size: of the network's input, in pixels.

    Returns:
        Molded images (N, size, size, 3) and windows (N, 4), normalised.
    """
    molded = np.stack([mold(image, size) for image in images])
    return [molded, _windows(images, size)]


def raw_inputs(images: NDArray[np.uint8], size: int) -> list[NDArray[Any]]:
    """Return what a network takes that molds by itself.

    Args:
        images: (N, H, W, 3) uint8 RGB.
        size: of the network's input, in pixels.

    Returns:
        The images; the rows of which each row of the input is made (size, 2) int32 and their
        weights (size, 2) float64, 0 outside the window; likewise the columns; windows (N, 4),
        normalised.
    """
    size_hw = images.shape[1:3]
    window = photo_window(size_hw, size)
    taps = [
        _taps(num_in, window[axis], window[axis + 2], size) for axis, num_in in enumerate(size_hw)
    ]
    return [images, *taps[0], *taps[1], _windows(images, size)]


def _taps(num_in: int, start: int, stop: int, size: int) -> Sequence[NDArray[Any]]:
    """Return `taps` of a window of the network's input, without weight outside."""
    index = np.zeros((size, NUM_TAPS), np.int32)
    weights = np.zeros((size, NUM_TAPS), np.float64)
    index[start:stop], weights[start:stop] = taps(num_in, stop - start)
    return index, weights


def _windows(images: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    window = normalise(photo_window(images.shape[1:3], size), (size, size))
    return np.tile(window, (len(images), 1))
