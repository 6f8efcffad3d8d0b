"""Stands in for OpenCV's cameras: a device that gives what it was told to, and can be unplugged."""

from __future__ import annotations

from typing import Any, ClassVar

import cv2
import numpy as np


class Device:
    """Stands in for `cv2.VideoCapture`; each opening plays the next list of frames."""

    openings: ClassVar[list[list[np.ndarray | None]]] = []
    settings: ClassVar[list[tuple[int, float]]] = []

    def __init__(self, number: int, backend: int) -> None:
        self._frames = self.openings.pop(0) if self.openings else []

    def isOpened(self) -> bool:
        return bool(self._frames)

    def set(self, key: int, value: float) -> bool:
        self.settings.append((key, value))
        return True

    def get(self, key: int) -> float:
        return {cv2.CAP_PROP_FPS: 30.0, cv2.CAP_PROP_FOURCC: float(0x47504A4D)}[key]

    def read(self) -> tuple[bool, Any]:
        image = self._frames.pop(0) if self._frames else None
        return image is not None, image

    def release(self) -> None:
        self._frames = []


def noisy(num: int) -> list[np.ndarray | None]:
    """Pictures of which no two are equal, as a sensor gives them."""
    rng = np.random.default_rng(num)
    return [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(num)]
