"""The small image that Robust Video Matting looks at, and the states of its first frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.parts.resample import apply_matrix, resampling_matrix
from segmentation.rvm.published import SMALL_SIDE


def automatic_ratio(size_hw: tuple[int, int], side: int = SMALL_SIDE) -> float:
    """Return by how much a frame is shrunk so that its long side has at most `side` pixels."""
    return min(side / max(size_hw), 1.0)


def small_size(size_hw: tuple[int, int], ratio: float) -> tuple[int, int]:
    """Return height and width of the small image of a frame: rounded down, at least a pixel."""
    height, width = (max(1, math.floor(side * ratio)) for side in size_hw)
    return height, width


def shrunk_by(frame: NDArray[np.uint8], ratio: float) -> NDArray[np.float32]:
    """Return a frame shrunk as the original does it.

    Bilinear, without anti-aliasing. From one sample to the next it is 1 / ratio, also where the
    sides, rounded down, are no such part of the frame's: an ordinary resize to the same size
    samples elsewhere.

    Args:
        frame: (H, W, 3) uint8 RGB.
        ratio: above 0, at most 1.

    Returns:
        (height, width, 3) float32, from 0 to 1, of the size that `small_size` gives.
    """
    values = frame.astype(np.float32)
    values /= 255
    if ratio == 1:
        return values
    height, width = small_size((frame.shape[0], frame.shape[1]), ratio)
    # a side that shrinks to less than a pixel, which OpenCV would round to none
    below, right = (max(0, math.ceil(1 / ratio) - side) for side in frame.shape[:2])
    if below or right:
        values = cv2.copyMakeBorder(values, 0, below, 0, right, cv2.BORDER_REPLICATE)
    # told the factors alone, OpenCV steps by them; it rounds the sides, so one pixel may be over
    shrunk = cv2.resize(values, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(shrunk[:height, :width], np.float32)


def shrunk_tensor(frames: Any, ratio: float) -> Any:
    """Return frames (N, H, W, 3), tensors of any type, as `shrunk_by` does, to rounding."""
    from keras import ops

    values = ops.cast(frames, "float32") / 255
    if ratio == 1:
        return values
    sizes = small_size((frames.shape[1], frames.shape[2]), ratio)
    for axis, num_out in zip((2, 1), reversed(sizes), strict=True):
        positions = (np.arange(num_out) + 0.5) / ratio - 0.5
        matrix = resampling_matrix(positions, frames.shape[axis], border="edge")
        values = apply_matrix(matrix.astype(np.float32), values, axis, ops)
    return values


def first_states(small_hw: tuple[int, ...], channels: Sequence[int]) -> list[NDArray[np.float32]]:
    """Return the four states, all zeros, with which a stream of small images of a size begins.

    Args:
        small_hw: height and width of the small image.
        channels: see `Variant.state_channels`.
    """
    states = []
    height, width = small_hw
    for num in channels:
        height, width = math.ceil(height / 2), math.ceil(width / 2)
        states.append(np.zeros((1, height, width, num), np.float32))
    return states
