"""The table of positions of a vision transformer, brought to another grid of patches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: of the cubic (Keys 1981, "Cubic convolution interpolation for digital image processing"); bicubic
#: resizing without anti-aliasing mostly takes -0.75, with it -0.5
SHARPNESS = -0.5


def positions_for(table: NDArray[Any], grid_hw: tuple[int, int]) -> NDArray[Any]:
    """Return a table for another grid; as it is where it is of that grid.

    Args:
        table: (1, 1 + n * n, C), first the class token's, then patches row by row.
        grid_hw: patches of the input.

    Returns:
        (1, 1 + h * w, C)
    """
    places = math.isqrt(table.shape[1] - 1)
    if grid_hw == (places, places):
        return table
    grid = table[0, 1:].astype(np.float64).reshape(places, places, -1)
    rows, columns = (cubic_matrix(num_out, places) for num_out in grid_hw)
    resized = np.einsum("yi,xj,ijc->yxc", rows, columns, grid, optimize=True)
    patches = resized.reshape(1, -1, grid.shape[-1]).astype(np.float32)
    return np.concatenate([table[:, :1].astype(np.float32), patches], axis=1)


def cubic_matrix(num_out: int, num_in: int) -> NDArray[np.float64]:
    """Return the weights of a cubic resize along one axis, anti-aliased when shrinking.

    Pixels are areas. Those beyond the border do not count: weights are of those that there are.

    Args:
        num_out: samples.
        num_in: pixels.

    Returns:
        (num_out, num_in), rows that sum to 1.
    """
    step = num_in / num_out
    centres = (np.arange(num_out) + 0.5) * step
    pixels = np.arange(num_in) + 0.5
    weights = _cubic((pixels - centres[:, None]) / max(step, 1.0))
    normalised: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cubic at distances in pixels: 1 at 0, 0 at all other whole ones."""
    x = np.abs(distance)
    near = ((SHARPNESS + 2) * x - (SHARPNESS + 3)) * x**2 + 1
    far = SHARPNESS * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
