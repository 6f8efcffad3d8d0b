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
from segmentation.parts.resample import resampling_matrix, resize, sample_positions, to_uint8

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
    resized: NDArray[Any] = image
    if inner != image.shape[:2]:
        resized = np.clip(resize(image, inner, border="zero"), image.min(), image.max())
    molded = np.zeros((size, size, 3), np.uint8)
    molded[top:bottom, left:right] = to_uint8(resized, "truncate")
    return molded


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
    positions = sample_positions(stop - start, 0, num_in)
    matrix = resampling_matrix(positions, num_in, border="zero")
    first = np.argmax(matrix != 0, axis=1)
    index = np.zeros((size, NUM_TAPS), np.int32)
    weights = np.zeros((size, NUM_TAPS), np.float64)
    for tap in range(NUM_TAPS):
        inside = np.minimum(first + tap, num_in - 1)
        index[start:stop, tap] = inside
        weights[start:stop, tap] = np.where(
            first + tap < num_in, matrix[np.arange(stop - start), inside], 0
        )
    return index, weights


def _windows(images: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    window = normalise(photo_window(images.shape[1:3], size), (size, size))
    return np.tile(window, (len(images), 1))
