"""Where a picture of other proportions goes in a frame: `logo.png,contain,right`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from effects.effect import Pixels

#: What each word says of a place across and down, 0 = left or top.
ACROSS = {"left": 0.0, "right": 1.0}
DOWN = {"top": 0.0, "bottom": 1.0}
SCALES = ("cover", "contain")


@dataclass(frozen=True, slots=True)
class Placing:
    """How large a picture is in a frame, and where.

    Attributes:
        scale: "cover", the frame is full and what stands over is cut off; "contain", all of the
            picture is seen; `None`, it keeps its size unless it is larger than the frame.
        x: where it goes, or what of it stays, across, from 0 (left) to 1 (right).
        y: likewise, from 0 (top) to 1 (bottom).
    """

    scale: Literal["cover", "contain"] | None = None
    x: float = 0.5
    y: float = 0.5

    def size_of(self, image_hw: tuple[int, int], frame_hw: tuple[int, int]) -> tuple[int, int]:
        """Return height and width that a picture has in a frame, which may be beyond it."""
        scales = frame_hw[0] / image_hw[0], frame_hw[1] / image_hw[1]
        scale = max(scales) if self.scale == "cover" else min(scales)
        if self.scale is None:
            scale = min(scale, 1.0)
        return max(1, round(image_hw[0] * scale)), max(1, round(image_hw[1] * scale))

    def corner_of(self, size_hw: tuple[int, int], frame_hw: tuple[int, int]) -> tuple[int, int]:
        """Return row and column, in a frame, of a picture that has that size in it."""
        return int((frame_hw[0] - size_hw[0]) * self.y), int((frame_hw[1] - size_hw[1]) * self.x)


COVER = Placing("cover")


def split_placing(text: str) -> tuple[str, list[str]]:
    """Return the name of a file, and the words of its placing that come after it.

    A name with commas is one as long as its last part is no such word, as with an ending.
    """
    name, *words = text.split(",")
    place = len(words)
    while place and words[place - 1] in (*SCALES, *ACROSS, *DOWN):
        place -= 1
    return ",".join([name, *words[:place]]), words[place:]


def parse_placing(words: list[str], scale: Literal["cover", "contain"] | None = None) -> Placing:
    """Return what words say, which `split_placing` gives.

    Args:
        words: some of cover, contain, left, right, top and bottom.
        scale: where they say nothing of it.

    Raises:
        ValueError: two of them say different things.
    """
    for kind in (SCALES, ACROSS, DOWN):
        told = [word for word in words if word in kind]
        if len(set(told)) > 1:
            raise ValueError(f"{' and '.join(told)} cannot both be")
    if "cover" in words:
        scale = "cover"
    elif "contain" in words:
        scale = "contain"
    x = next((ACROSS[word] for word in words if word in ACROSS), 0.5)
    y = next((DOWN[word] for word in words if word in DOWN), 0.5)
    return Placing(scale, x, y)


def placed(image: Pixels, size_hw: tuple[int, int], placing: Placing = COVER) -> Pixels:
    """Bring a picture to a size in its own proportions.

    Args:
        image: (h, w, 3) uint8 or uint16.
        size_hw: height and width wanted.
        placing: what is cut off, or where there is black beside it.

    Returns:
        (H, W, 3) of the same dtype; `image` itself where it already has the size.
    """
    if image.shape[:2] == size_hw:
        return image
    if placing.scale == "cover":
        return _covering(image, size_hw, placing)
    height, width = placing.size_of((image.shape[0], image.shape[1]), size_hw)
    top, left = placing.corner_of((height, width), size_hw)
    result = np.zeros((*size_hw, image.shape[2]), image.dtype)
    result[top : top + height, left : left + width] = resized(image, (height, width))
    return result


def resized(image: Pixels, size_hw: tuple[int, int]) -> Pixels:
    """Return (h, w) or (h, w, C) at `size_hw`, every pixel counted."""
    interpolation = cv2.INTER_AREA if size_hw[0] < image.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size_hw[::-1], interpolation=interpolation))


def _covering(image: Pixels, size_hw: tuple[int, int], placing: Placing) -> Pixels:
    height, width = size_hw
    scale = max(height / image.shape[0], width / image.shape[1])
    rows = min(image.shape[0], math.ceil(height / scale))
    columns = min(image.shape[1], math.ceil(width / scale))
    top = int((image.shape[0] - rows) * placing.y)
    left = int((image.shape[1] - columns) * placing.x)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    visible = image[top : top + rows, left : left + columns]
    covering: Pixels = cv2.resize(visible, (width, height), interpolation=interpolation)
    return covering
