"""Resampling matrices: the one place that knows conventions of borders, reach and rounding.

A bilinear resize is separable: rows and columns are each multiplied by a matrix whose rows hold
the weights of one output sample. What programs disagree about is only where the samples lie
(`sample_positions`), what lies beyond the border and how far a sample reaches
(`resampling_matrix`), and how numbers become bytes (`to_uint8`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", np.uint8, np.float32)

Border = Literal["zero", "edge", "drop"]


def sample_positions(num_out: int, start: float, stop: float) -> NDArray[np.float64]:
    """Return where samples lie that are in the middle of equal parts of the stretch [start, stop).

    Args:
        num_out: number of samples.
        start: in pixels, 0 = the first pixel's outer edge.
        stop: likewise.

    Returns:
        (num_out,) positions, 0 = centre of the first pixel.
    """
    centre = np.arange(num_out, dtype=np.float64) + 0.5
    return start + centre * ((stop - start) / num_out) - 0.5


def resampling_matrix(
    positions: Any, num_in: int, *, border: Border, reach: float = 1.0, xp: Any = np
) -> Any:
    """Return the bilinear (triangle) weights of samples at `positions`.

    Args:
        positions: (..., P) in pixels, 0 = centre of the first pixel.
        num_in: number of pixels to sample from.
        border: what is beyond the outermost pixel centres. "zero": pixels of value 0, so that
            samples near the border fade; "edge": the outermost pixel again; "drop": the
            outermost pixel again, but samples more than a pixel beyond are 0 (RoIAlign).
        reach: half width of the triangle in pixels. More than 1 averages (anti-aliasing when
            shrinking by that factor), of the pixels that there are, as "edge" needs it.
        xp: `numpy` or `keras.ops`, whichever `positions` belong to.

    Returns:
        (..., P, num_in) weights.
    """
    inside = (positions >= -1) & (positions <= num_in)
    if border in ("edge", "drop") and reach == 1.0:
        positions = xp.clip(positions, 0, num_in - 1)
    pixels = xp.arange(num_in, dtype=positions.dtype)
    weights = xp.maximum(1 - xp.abs(positions[..., None] - pixels) / reach, 0)
    if reach != 1.0:
        weights = weights / xp.sum(weights, axis=-1, keepdims=True)
    if border == "drop":
        weights = xp.where(inside[..., None], weights, xp.zeros_like(weights))
    return weights


def apply_matrix(
    matrix: NDArray[np.floating[Any]], values: NDArray[Any], axis: int
) -> NDArray[Any]:
    """Multiply `axis` of `values` by a resampling matrix, visiting only its non-zero weights.

    Args:
        matrix: (P, num_in), the non-zero weights of each row beside each other.
        values: any shape whose `axis` has length num_in.
        axis: to resample.

    Returns:
        `values` with `axis` of length P, in the type that both together have.
    """
    num_out, num_in = matrix.shape
    first = np.argmax(matrix != 0, axis=1)
    num_taps = int(np.count_nonzero(matrix, axis=1).max(initial=1))
    behind = values.shape[axis + 1 :]
    result = np.zeros((*values.shape[:axis], num_out, *behind), np.result_type(matrix, values))
    for tap in range(num_taps):
        index = np.minimum(first + tap, num_in - 1)
        weight = np.where(first + tap < num_in, matrix[np.arange(num_out), index], 0)
        # laid out like the values: numpy is slow where the last axis, of channels, is short
        weight = np.repeat(weight, math.prod(behind)).reshape(num_out, *behind)
        result += np.take(values, index, axis=axis) * weight
    return result


def resize_bytes(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize (H, W, C) to the very bytes that Pillow makes, where both sides grow or both shrink.

    Bilinear, anti-aliased; columns first, each axis in integers, with weights of 22 bits.
    """
    for axis in (1, 0):
        num_out, num_in = size_hw[axis], image.shape[axis]
        if num_out != num_in:
            positions = sample_positions(num_out, 0, num_in)
            reach = max(1.0, num_in / num_out)
            matrix = resampling_matrix(positions, num_in, border="edge", reach=reach)
            sums = apply_matrix(np.round(matrix * 2**22).astype(np.int32), image, axis)
            image = ((sums + 2**21) >> 22).astype(np.uint8)
    return image


def resize_float(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Resize (H, W, C) bilinearly, without anti-aliasing and without rounding to bytes.

    As PyTorch does, whose programs take their networks' inputs so.

    Returns:
        `size_hw` values of [0, 255].
    """
    resized: NDArray[Any] = image
    for axis, num_out in enumerate(size_hw):
        num_in = image.shape[axis]
        # in single precision as there: positions of 600 pixels differ in the 5th digit
        steps = np.arange(num_out, dtype=np.float32) + np.float32(0.5)
        positions = steps * (np.float32(num_in) / np.float32(num_out)) - np.float32(0.5)
        matrix = resampling_matrix(positions, num_in, border="edge")
        resized = apply_matrix(matrix, resized, axis)
    return resized


def to_uint8(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Return values of [0, 255] as bytes, rounded, halves upwards."""
    rounded: NDArray[np.uint8] = np.clip(values + 0.5, 0, 255).astype(np.uint8)
    return rounded


def nearest_aspect(
    sizes_hw: Sequence[tuple[int, int]], size_hw: tuple[int, ...]
) -> tuple[int, int]:
    """Return the one of `sizes_hw` whose aspect is nearest to that of an image of `size_hw`."""
    aspect = np.log(size_hw[1] / size_hw[0])
    return min(sizes_hw, key=lambda size: abs(np.log(size[1] / size[0]) - aspect))


def resized(image: NDArray[Scalar], size_hw: tuple[int, int]) -> NDArray[Scalar]:
    """Return `image` at `size_hw`: area averages when shrinking to less than half, else bilinear.

    Bilinear interpolation leaves out no pixel down to a half, and costs a quarter.
    """
    if image.shape[:2] == size_hw:
        return image
    halves = image.shape[0] > 2 * size_hw[0] or image.shape[1] > 2 * size_hw[1]
    method = cv2.INTER_AREA if halves else cv2.INTER_LINEAR
    result: Any = cv2.resize(image, (size_hw[1], size_hw[0]), interpolation=method)
    return np.asarray(result, image.dtype)
