"""Boxes in pixels, normalised boxes, and the deltas between boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: y2 and x2 of a box in pixels are one beyond its last pixel
EXCLUSIVE = np.array([0, 0, 1, 1])
#: units of deltas: what a network learns is divided by these
DELTA_SCALE = np.array([0.1, 0.1, 0.2, 0.2], np.float32)


def normalise(boxes: NDArray[Any], size_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Return boxes in pixels (y2 and x2 exclusive) as fractions of the distance of corner pixels.

    The convention of Matterport's program: 0 is the centre of the first pixel, 1 of the last.
    """
    height, width = size_hw
    scale = np.array([height - 1, width - 1, height - 1, width - 1])
    normalised: NDArray[np.float32] = ((boxes - EXCLUSIVE) / scale).astype(np.float32)
    return normalised


def denormalise(boxes: NDArray[np.floating[Any]], size_hw: tuple[int, int]) -> NDArray[np.int32]:
    """Return what `normalise` was given, rounded to whole pixels (halves to even)."""
    height, width = size_hw
    scale = np.array([height - 1, width - 1, height - 1, width - 1])
    pixels: NDArray[np.int32] = np.around(boxes * scale + EXCLUSIVE).astype(np.int32)
    return pixels
