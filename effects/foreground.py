"""Colours of the foreground where a pixel shows it and the background at once."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.effect import Image

#: Colours beside the edges are taken from every n-th row and column, n such that the frame's
#: short side has at most this many.
MAX_SAMPLES = 180
#: Samples around the edges that are looked at as well.
MARGIN = 4
#: What a colour counts beside one from half as far away.
FALL_OFF = 1e-3


def foreground_colours(image: Image, alpha: NDArray[np.uint8]) -> Image:
    """Return a frame without what of the background shows through at the foreground's edges.

    Blur fusion (Forte, "Approximate fast foreground colour estimation", ICIP 2021): foreground F
    and background B are taken from the pixels nearby that show one of them alone, then F is
    corrected by the part of the pixel that alpha * F + (1 - alpha) * B leaves unexplained.

    Args:
        image: (H, W, 3) uint8.
        alpha: (H, W) uint8, 255 = foreground.

    Returns:
        (H, W, 3) uint8, an array of its own, equal to `image` where alpha is 0 or 255.
    """
    result = image.copy()
    in_band = alpha - np.uint8(1) < 254
    band = np.flatnonzero(in_band)
    if len(band) == 0:
        return result
    step = math.ceil(min(alpha.shape) / MAX_SAMPLES)
    rows, columns = _around(in_band.view(np.uint8), MARGIN * step)
    samples = np.ascontiguousarray(image[rows, columns][step // 2 :: step, step // 2 :: step])
    opacity = np.ascontiguousarray(alpha[rows, columns][step // 2 :: step, step // 2 :: step])
    is_front, is_back = cv2.inRange(opacity, 255, 255), cv2.inRange(opacity, 0, 0)
    if is_front.any() and is_back.any():
        y, x = np.divmod(band, alpha.shape[1])
        y = np.minimum((y - rows.start) // step, samples.shape[0] - 1)
        x = np.minimum((x - columns.start) // step, samples.shape[1] - 1)
        index = y * samples.shape[1] + x
        front, back = _nearby(samples, is_front, index), _nearby(samples, is_back, index)
        share = np.take(alpha, band)[:, None] / np.float32(255)
        seen = np.take(image.reshape(-1, 3), band, axis=0)
        colours = front + share * (seen - share * front - (1 - share) * back)
        result.reshape(-1, 3)[band] = np.rint(np.clip(colours, 0, 255)).astype(np.uint8)
    return result


def _around(in_band: NDArray[np.uint8], margin: int) -> tuple[slice, slice]:
    """Return the rectangle of what is not 0, `margin` wider on each side."""
    left, top, width, height = cv2.boundingRect(in_band)
    return (
        slice(max(0, top - margin), top + height + margin),
        slice(max(0, left - margin), left + width + margin),
    )


def _nearby(
    colours: Image, known: NDArray[np.uint8], index: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return (N, 3) float32: the mean of the nearest colours that are known, N places in (h, w).

    Args:
        colours: (h, w, 3) uint8.
        known: (h, w) uint8, 255 where the colour is known.
        index: (N,) the places, y * w + x.
    """
    weighted = cv2.merge([*cv2.split(cv2.copyTo(colours, known, np.zeros_like(colours))), known])
    spread = cv2.blur(_with_coarser(weighted.astype(np.float32)), (3, 3))
    places = np.take(spread.reshape(-1, 4), index, axis=0)
    return np.asarray(places[:, :3] * (255 / places[:, 3:]))


def _with_coarser(weighted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add to weighted colours and their weights those of all coarser scales, each counting less.

    The pull and push of Gortler et al., "The lumigraph", SIGGRAPH 1996, section 3.4.2.
    """
    height, width = weighted.shape[:2]
    if max(height, width) == 1:
        return weighted
    size = math.ceil(width / 2), math.ceil(height / 2)
    coarser = _with_coarser(cv2.resize(weighted, size, interpolation=cv2.INTER_AREA))
    enlarged = cv2.resize(coarser, (width, height))
    return np.asarray(cv2.scaleAdd(enlarged, FALL_OFF, weighted))
