"""Where a picture of other proportions goes in a frame: `logo.png,contain,right`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import cv2
import numpy as np

from effects.effect import Pixels

#: What each word says of a place across and down, 0 = left or top.
ACROSS = {"left": 0.0, "right": 1.0}
DOWN = {"top": 0.0, "bottom": 1.0}
SCALES = ("cover", "contain")
SQUARE = Fraction(1)
#: A file may say anything of its pixels: none is shown wider, or higher, than so many times.
MAX_STRETCH = Fraction(8)


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

    def size_of(
        self,
        image_hw: tuple[int, int],
        frame_hw: tuple[int, int],
        pixel_aspect: Fraction = SQUARE,
    ) -> tuple[int, int]:
        """Return height and width that a picture has in a frame, which may be beyond it.

        Args:
            image_hw: of the picture, whose pixels are square.
            frame_hw: of the frame, in its pixels, as is what is returned.
            pixel_aspect: width of a pixel of the frame over its height.
        """
        shown_hw = square_hw(frame_hw, pixel_aspect)
        scales = shown_hw[0] / image_hw[0], shown_hw[1] / image_hw[1]
        scale = max(scales) if self.scale == "cover" else min(scales)
        if self.scale is None:
            scale = min(scale, 1.0)
        height = round(image_hw[0] * scale * frame_hw[0] / shown_hw[0])
        width = round(image_hw[1] * scale * frame_hw[1] / shown_hw[1])
        return max(1, height), max(1, width)

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


def square_hw(size_hw: tuple[int, int], pixel_aspect: Fraction) -> tuple[int, int]:
    """Return height and width of a picture brought to square pixels; no side becomes shorter.

    Args:
        size_hw: in its own pixels.
        pixel_aspect: width of such a pixel over its height.
    """
    height, width = size_hw
    if pixel_aspect >= 1:
        return height, round(width * min(pixel_aspect, MAX_STRETCH))
    return round(height * min(1 / pixel_aspect, MAX_STRETCH)), width


def squared(image: Pixels, pixel_aspect: Fraction) -> Pixels:
    """Return (h, w), (h, w, 3) or (h, w, 4) with straight alpha, its pixels made square.

    Itself where they are; see `square_hw`.
    """
    size_hw = square_hw((image.shape[0], image.shape[1]), pixel_aspect)
    return image if size_hw == image.shape[:2] else resized(image, size_hw)


def placed(
    image: Pixels,
    size_hw: tuple[int, int],
    placing: Placing = COVER,
    pixel_aspect: Fraction = SQUARE,
) -> Pixels:
    """Bring a picture to a size in its own proportions.

    Args:
        image: (h, w, 3) uint8 or uint16, of square pixels.
        size_hw: height and width wanted.
        placing: what is cut off, or where there is black beside it.
        pixel_aspect: width over height of the pixels wanted.

    Returns:
        (H, W, 3) of the same dtype; `image` itself where it already has the size.
    """
    if image.shape[:2] == size_hw == square_hw(size_hw, pixel_aspect):
        return image
    if placing.scale == "cover":
        return _covering(image, size_hw, placing, pixel_aspect)
    height, width = placing.size_of((image.shape[0], image.shape[1]), size_hw, pixel_aspect)
    top, left = placing.corner_of((height, width), size_hw)
    result = np.zeros((*size_hw, image.shape[2]), image.dtype)
    result[top : top + height, left : left + width] = resized(image, (height, width))
    return result


def resized(image: Pixels, size_hw: tuple[int, int]) -> Pixels:
    """Return (h, w), (h, w, 3) or (h, w, 4) with straight alpha at a size, every pixel counted."""
    if image.ndim == 3 and image.shape[2] == 4:
        # what is transparent has a colour as well, which must not get into its neighbours
        opacity = cv2.merge([image[..., 3]] * 3)
        weighted = np.dstack([cv2.multiply(image[..., :3], opacity, scale=1 / 255), image[..., 3]])
        scaled = _resized(weighted, size_hw)
        share = np.maximum(scaled[..., 3:].astype(np.float32), 1) / 255
        scaled[..., :3] = np.rint(np.minimum(scaled[..., :3] / share, 255))
        return scaled
    return _resized(image, size_hw)


def _resized(image: Pixels, size_hw: tuple[int, int]) -> Pixels:
    interpolation = cv2.INTER_AREA if size_hw[0] < image.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size_hw[::-1], interpolation=interpolation))


def _covering(
    image: Pixels, size_hw: tuple[int, int], placing: Placing, pixel_aspect: Fraction
) -> Pixels:
    height, width = size_hw
    shown_hw = square_hw(size_hw, pixel_aspect)
    scale = max(shown_hw[0] / image.shape[0], shown_hw[1] / image.shape[1])
    rows = min(image.shape[0], math.ceil(shown_hw[0] / scale))
    columns = min(image.shape[1], math.ceil(shown_hw[1] / scale))
    top = int((image.shape[0] - rows) * placing.y)
    left = int((image.shape[1] - columns) * placing.x)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    visible = image[top : top + rows, left : left + columns]
    covering: Pixels = cv2.resize(visible, (width, height), interpolation=interpolation)
    return covering
