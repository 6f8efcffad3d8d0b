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
    matrix: NDArray[np.floating[Any]] | NDArray[np.integer[Any]],
    values: Any,
    axis: int,
    xp: Any = np,
) -> Any:
    """Multiply `axis` of `values` by a resampling matrix, visiting only its non-zero weights.

    Args:
        matrix: (P, num_in), the non-zero weights of each row beside each other.
        values: any shape whose `axis` has length num_in; a tensor of the matrix's type.
        axis: to resample, from the front or the back.
        xp: `numpy` or `keras.ops`, whichever `values` belong to.

    Returns:
        `values` with `axis` of length P, in the type that both together have.
    """
    num_out, num_in = matrix.shape
    first = np.argmax(matrix != 0, axis=1)
    num_taps = int(np.count_nonzero(matrix, axis=1).max(initial=1))
    axis %= len(values.shape)
    behind = values.shape[axis + 1 :]
    result: Any = 0
    for tap in range(num_taps):
        index = np.minimum(first + tap, num_in - 1).astype(np.int32)
        weight = np.where(first + tap < num_in, matrix[np.arange(num_out), index], 0)
        # laid out like the values: numpy is slow where the last axis, of channels, is short
        weight = np.repeat(weight, math.prod(behind)).reshape(num_out, *behind)
        product = xp.take(values, index, axis=axis) * weight
        result = result + product if xp is not np or tap == 0 else np.add(result, product, result)
    return result


def resize_bytes(image: Any, size_hw: tuple[int, int], xp: Any = np) -> Any:
    """Resize (..., H, W, C) to the very bytes that Pillow makes, where both sides grow or shrink.

    Bilinear, anti-aliased; columns first, each axis in integers, with weights of 22 bits.

    Args:
        image: uint8; a tensor int32, and so is the result.
        size_hw: of the result.
        xp: `numpy` or `keras.ops`, whichever `image` belongs to.
    """
    for axis, num_out in ((-2, size_hw[1]), (-3, size_hw[0])):
        num_in = image.shape[axis]
        if num_out != num_in:
            positions = sample_positions(num_out, 0, num_in)
            reach = max(1.0, num_in / num_out)
            matrix = resampling_matrix(positions, num_in, border="edge", reach=reach)
            weights = np.round(matrix * 2**22).astype(np.int32)
            sums = xp.right_shift(apply_matrix(weights, image, axis, xp) + 2**21, 22)
            image = sums.astype(np.uint8) if xp is np else sums
    return image


def resize_float(image: Any, size_hw: tuple[int, int], xp: Any = np) -> Any:
    """Resize (..., H, W, C) bilinearly, without anti-aliasing and without rounding to bytes.

    As PyTorch does, whose programs take their networks' inputs so.

    Args:
        image: uint8; a tensor float32.
        size_hw: of the result.
        xp: `numpy` or `keras.ops`, whichever `image` belongs to.

    Returns:
        float32 values of [0, 255].
    """
    for axis, num_out in ((-3, size_hw[0]), (-2, size_hw[1])):
        num_in = image.shape[axis]
        # in single precision as there: positions of 600 pixels differ in the 5th digit
        steps = np.arange(num_out, dtype=np.float32) + np.float32(0.5)
        positions = steps * (np.float32(num_in) / np.float32(num_out)) - np.float32(0.5)
        matrix = resampling_matrix(positions, num_in, border="edge")
        image = apply_matrix(matrix, image, axis, xp)
    return image


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
