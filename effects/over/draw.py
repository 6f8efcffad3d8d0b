"""Boxes, masks and texts drawn on an image, from plain arrays."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.composite import blend
from effects.effect import Image, Pixels

#: Share of the colour in a tinted area, of 255.
TINT = 110


def tint(image: Pixels, alpha: NDArray[np.uint8], colour: Sequence[int]) -> Pixels:
    """Return the image with `colour` over it where `alpha` is set, and a line around that area.

    Args:
        image: (H, W, 3) uint8 or uint16 RGB.
        alpha: (H, W) uint8; the line follows the value 128.
        colour: red, green, blue as in `image`.

    Returns:
        (H, W, 3) of the same dtype, an array of its own.
    """
    height, width = alpha.shape
    plain = np.empty_like(image)
    cv2.rectangle(plain, (0, 0), (width, height), tuple(colour), cv2.FILLED)
    tinted = blend(plain, image, cv2.convertScaleAbs(alpha, alpha=TINT / 255))
    _, inside = cv2.threshold(alpha, 127, 255, cv2.THRESH_BINARY)
    reach = 2 * line_width_px(height) + 1
    outline = cv2.subtract(cv2.dilate(inside, np.ones((reach, reach), np.uint8)), inside)
    cv2.copyTo(plain, outline, tinted)
    return tinted


def line_width_px(height: int) -> int:
    """Return the width of a line that looks the same in frames of every height, at least 1."""
    return max(1, round(height / 360))


def draw_instances(
    image: Image,
    boxes: NDArray[np.float32],
    masks: NDArray[np.uint8],
    texts: Sequence[str],
    colours: NDArray[np.uint8],
) -> Image:
    """Draw K objects, the first on top.

    Args:
        image: (H, W, 3) uint8 RGB.
        boxes: (K, 4) x1 y1 x2 y2 in pixels of `image`.
        masks: (K, h, w) uint8 of the whole image at any size, inside is >= 128.
        texts: K lines, written above the boxes.
        colours: (K, 3) uint8 RGB.

    Returns:
        (H, W, 3) uint8, an array of its own.

    Raises:
        ValueError: the arguments are not all of length K.
    """
    lengths = {len(boxes), len(masks), len(texts), len(colours)}
    if len(lengths) != 1:
        raise ValueError(f"expected as many boxes, masks, texts and colours, got {lengths}")
    height, width = image.shape[:2]
    drawn = image.copy()
    for box, mask, text, colour in reversed(
        list(zip(boxes, masks, texts, colours.tolist(), strict=True))
    ):
        drawn = tint(drawn, cv2.resize(mask, (width, height)), colour)
        left, top, right, bottom = (round(float(edge)) for edge in box)
        line_px = line_width_px(height)
        cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), colour, line_px)
        _draw_label(drawn, text, (left, top), colour)
    return drawn


def _draw_label(image: Image, text: str, corner_xy: tuple[int, int], colour: list[int]) -> None:
    """Write `text` on a plate of `colour` above `corner_xy`, kept inside the image."""
    font, scale, line_px = cv2.FONT_HERSHEY_SIMPLEX, max(0.35, image.shape[0] / 1000), 1
    (width, height), descent = cv2.getTextSize(text, font, scale, line_px)
    margin = descent // 2 + 1
    left = max(0, min(corner_xy[0], image.shape[1] - width - 2 * margin))
    bottom = max(height + descent + margin, corner_xy[1])
    plate = (left, bottom - height - descent - margin), (left + width + 2 * margin, bottom)
    cv2.rectangle(image, *plate, colour, cv2.FILLED)
    red, green, blue = colour
    is_light = 0.299 * red + 0.587 * green + 0.114 * blue > 140
    ink = (0, 0, 0) if is_light else (255, 255, 255)
    origin = left + margin, bottom - descent
    cv2.putText(image, text, origin, font, scale, ink, line_px, cv2.LINE_AA)
