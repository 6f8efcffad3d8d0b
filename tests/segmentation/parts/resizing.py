"""A whole image resized by the matrices of the program."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.parts.resample import Border, apply_matrix, resampling_matrix, sample_positions


def resize(image: NDArray[Any], size_hw: tuple[int, int], *, border: Border) -> NDArray[np.float64]:
    """Resize (H, W) or (H, W, C) to `size_hw`, in float64, not anti-aliased, not rounded."""
    for axis, (num_out, num_in) in enumerate(zip(size_hw, image.shape[:2], strict=True)):
        positions = sample_positions(num_out, 0, num_in)
        image = apply_matrix(resampling_matrix(positions, num_in, border=border), image, axis)
    return image
