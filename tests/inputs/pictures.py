"""Pictures without a file: noise, and a person before a room."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from effects import Background, blend

SIZES_HW = [(48, 64), (37, 53), (1, 1), (1, 40), (40, 1), (301, 299)]


def no_video(path: Path) -> Background:
    raise AssertionError(f"{path} taken for a video")


def noise(size_hw: tuple[int, int], channels: tuple[int, ...] = (3,)) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (*size_hw, *channels), dtype=np.uint8)


def person_and_room(size_hw: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A red ellipse on plain green, its edge one pixel soft."""
    height, width = size_hw
    alpha = np.zeros(size_hw, np.uint8)
    axes = width // 6, height // 3
    cv2.ellipse(alpha, (width // 2, height // 2), axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    image = blend(
        np.full((*size_hw, 3), (255, 0, 0), np.uint8),
        np.full((*size_hw, 3), (0, 200, 0), np.uint8),
        alpha,
    )
    return image, alpha
