"""Pictures of another shape than the stream has: made as large as it allows, on black."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from segmentation.picture import Picture, RgbPicture, resized


def fitted(
    picture: Picture, aspect: Fraction, size_hw: tuple[int, int], pixel_aspect: Fraction
) -> Picture:
    """Return `picture` in the middle of a black one; itself where it fills that.

    Args:
        picture: of any size, also stretched.
        aspect: width over height of what it shows.
        size_hw: height and width of the stream, in pixels.
        pixel_aspect: width of a pixel of the stream over its height.
    """
    height, width = size_hw
    shown_wh = aspect / pixel_aspect  # in pixels of the stream
    inner_w = min(width, max(1, round(height * shown_wh)))
    inner_h = min(height, max(1, round(width / shown_wh)))
    if picture.size_hw == size_hw == (inner_h, inner_w):
        return picture
    image = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner_h) // 2, (width - inner_w) // 2
    image[top : top + inner_h, left : left + inner_w] = resized(picture.rgb, (inner_h, inner_w))
    return RgbPicture(image)
