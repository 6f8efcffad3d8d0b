"""Samples of a map at places that a network chooses, zeros beyond its border."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

Tensor = Any

#: rows and columns of zeros before and behind a map, so that every sample has four neighbours
BORDER = (1, 2)


def bilinear_samples(
    pixels: Tensor, y: Tensor, x: Tensor, strength: Tensor, *, group: Any = 0
) -> Tensor:
    """Sample bilinearly; a neighbour beyond the border counts as 0 by itself.

    Args:
        pixels: (N, H, W, G, C), channels in groups.
        y: (N, ...) in pixels, 0 = centre of the first one; any value.
        x: likewise.
        strength: (N, ...), what each sample is multiplied by.
        group: integers that fit to these shapes: which channels of the place are sampled.

    Returns:
        (N, ..., C)
    """
    num_images, height, width, num_groups, channels = pixels.shape
    padded = ops.pad(pixels, ((0, 0), BORDER, BORDER, (0, 0), (0, 0)))
    flat = ops.reshape(padded, (-1, channels))
    # farther away there are but zeros as well
    y, x = ops.clip(y, -1, height), ops.clip(x, -1, width)
    top, left = ops.floor(y), ops.floor(x)
    down, along = y - top, x - left
    row = (width + sum(BORDER)) * num_groups
    place = (top + 1) * (width + sum(BORDER)) + (left + 1)
    # of each image the first pixel, and of that the group
    image = np.arange(num_images).reshape(-1, *[1] * (len(y.shape) - 1))
    begin = image * ((height + sum(BORDER)) * row) + group
    first = ops.cast(place, "int32") * num_groups + ops.convert_to_tensor(begin, "int32")

    def corner(shift: int, weight: Tensor) -> Tensor:
        return ops.take(flat, first + shift, axis=0) * (weight * strength)[..., None]

    upper = corner(0, (1 - down) * (1 - along)) + corner(num_groups, (1 - down) * along)
    lower = corner(row, down * (1 - along)) + corner(row + num_groups, down * along)
    return upper + lower
