"""Colours of the foreground where a pixel shows it and the background at once."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.effect import MOST_DEEP, Image, Pixels, check

#: Colours beside the edges are taken from every n-th row and column, n such that the frame's
#: short side has at most this many.
MAX_SAMPLES = 180
#: Samples around the edges that are looked at as well.
MARGIN = 4
#: What a colour counts beside one from half as far away.
FALL_OFF = 1e-3


#: Indices y * W + x of pixels, (N,), and their colours, (N, 3).
Edges = tuple[NDArray[np.intp], Pixels]


def known_edges(foreground: Image, alpha: NDArray[np.uint8]) -> Edges:
    """Return what `edge_colours` does where somebody has told the foreground's own colours.

    Args:
        foreground: (H, W, 3) uint8, the colours.
        alpha: (H, W) uint8, 255 = foreground.

    Raises:
        ValueError: `foreground` has another shape or dtype.
    """
    check(foreground, alpha)
    band = np.flatnonzero(_is_between(alpha))
    return band, np.take(foreground.reshape(-1, 3), band, axis=0)


def edge_colours(image: Pixels, alpha: NDArray[np.uint8]) -> Edges:
    """Return the foreground's own colours where alpha is neither 0 nor 255.

    Blur fusion (Forte, "Approximate fast foreground colour estimation", ICIP 2021): foreground F
    and background B are taken from the pixels nearby that show one of them alone, then F is
    corrected by the part of the pixel that alpha * F + (1 - alpha) * B leaves unexplained.

    Args:
        image: (H, W, 3) uint8, or uint16 in [0, `MOST_DEEP`].
        alpha: (H, W) uint8, 255 = foreground.

    Returns:
        These pixels and their colours; those of `image` where either of the two is nowhere alone.
    """
    in_band = _is_between(alpha)
    band = np.flatnonzero(in_band)
    seen = np.take(image.reshape(-1, 3), band, axis=0)
    if len(band) == 0:
        return band, seen
    step = math.ceil(min(alpha.shape) / MAX_SAMPLES)
    rows, columns = _around(in_band.view(np.uint8), MARGIN * step)
    samples = np.ascontiguousarray(image[rows, columns][step // 2 :: step, step // 2 :: step])
    opacity = np.ascontiguousarray(alpha[rows, columns][step // 2 :: step, step // 2 :: step])
    is_front, is_back = cv2.inRange(opacity, 255, 255), cv2.inRange(opacity, 0, 0)
    if not (is_front.any() and is_back.any()):
        return band, seen
    y, x = np.divmod(band, alpha.shape[1])
    y = np.minimum((y - rows.start) // step, samples.shape[0] - 1)
    x = np.minimum((x - columns.start) // step, samples.shape[1] - 1)
    front, back = _nearby(samples, is_front, y, x), _nearby(samples, is_back, y, x)
    share = np.take(alpha, band)[:, None] / np.float32(255)
    colours = front + share * (seen - share * front - (1 - share) * back)
    most = 255 if image.dtype == np.uint8 else MOST_DEEP
    return band, np.rint(np.clip(colours, 0, most)).astype(image.dtype)


def _is_between(alpha: NDArray[np.uint8]) -> NDArray[np.bool_]:
    offset = alpha - np.uint8(1)
    return np.asarray(np.less(offset, 254, out=offset.view(np.bool_)), np.bool_)


def _around(in_band: NDArray[np.uint8], margin: int) -> tuple[slice, slice]:
    """Return the rectangle of what is not 0, `margin` wider on each side."""
    left, top, width, height = cv2.boundingRect(in_band)
    return (
        slice(max(0, top - margin), top + height + margin),
        slice(max(0, left - margin), left + width + margin),
    )


def _nearby(
    colours: Pixels, known: NDArray[np.uint8], y: NDArray[np.intp], x: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return (N, 3) float32: at N places the mean of the nearest colours that are known.

    Args:
        colours: (h, w, 3) uint8, or uint16 in [0, `MOST_DEEP`].
        known: (h, w) uint8, 255 where the colour is known.
        y: (N,) rows of the places.
        x: (N,) columns.
    """
    weights = known if known.dtype == colours.dtype else known.astype(colours.dtype)
    weighted = cv2.merge([*cv2.split(cv2.copyTo(colours, known, np.zeros_like(colours))), weights])
    near = cv2.boxFilter(weighted, cv2.CV_16U, (3, 3), normalize=False)
    coarser = _with_coarser(_halved(weighted).astype(np.float32))
    mean = _at(coarser, y // 2, x // 2) * np.float32(FALL_OFF) + _at(near, y, x)
    return np.asarray(mean[:, :3] * (255 / mean[:, 3:]))


def _at(array: NDArray[Any], y: NDArray[np.intp], x: NDArray[np.intp]) -> NDArray[Any]:
    """Return `array[y, x]` of (h, w, 4), a good deal faster."""
    return np.asarray(np.take(array.reshape(-1, 4), y * array.shape[1] + x, axis=0))


def _with_coarser(weighted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add to weighted colours and their weights those of all coarser scales, each counting less.

    The pull and push of Gortler et al., "The lumigraph", SIGGRAPH 1996, section 3.4.2.
    """
    height, width = weighted.shape[:2]
    if max(height, width) == 1:
        return weighted
    coarser = _with_coarser(_halved(weighted))
    enlarged = cv2.resize(coarser, (width, height))
    return np.asarray(cv2.scaleAdd(enlarged, FALL_OFF, weighted))


def _halved(weighted: NDArray[Any]) -> NDArray[Any]:
    size = math.ceil(weighted.shape[1] / 2), math.ceil(weighted.shape[0] / 2)
    return np.asarray(cv2.resize(weighted, size, interpolation=cv2.INTER_AREA))
