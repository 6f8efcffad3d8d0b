"""What JPEG and WebP make of the colours of a mask: each becomes many, and edges become blocks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data.parts.mask_values import (
    IS_COLOUR,
    LARGEST_ID,
    Mask,
    are_areas,
    colours_of_values,
    indexed,
    is_flat,
    nearest,
)

#: Largest difference in a channel, of 255, that JPEG makes of one colour
NOISE = 24
#: Of a mask with smoothed edges so many values may be nowhere an area; more are its shades
MANY_SHADES = 20
#: Share of the pixels of an area from which on so much of it is nearly its colour, in JPEG
NEARLY_RIGHT = 0.6
#: So many of the most frequent colours are looked at for what JPEG made of them
MAX_PEAKS = 1000
#: Share of its pixels from which on a colour that JPEG left is more than a line at an edge
THICK = 0.6
_WHITE = IS_COLOUR + (255 << 32 | 255 << 16 | 255)


def without_noise(mask: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a mask in which colours that differ as those of one area do in JPEG are one."""
    numbers, indices = indexed(mask)
    colours = colours_of_values(numbers)
    if len(numbers) <= MANY_SHADES or not LARGEST_ID < colours.max() <= 255:
        return mask
    sizes = np.bincount(indices.ravel(), minlength=len(numbers))
    peaks = _peaks(colours, sizes)
    away = np.abs(colours - colours[peaks]).max(axis=1)
    is_shade = ~are_areas(indices, len(numbers))
    # smoothed edges have all shades alike, JPEG those that are nearly right
    if sizes[is_shade & (away <= NOISE)].sum() <= sizes[is_shade & (away > NOISE)].sum():
        return mask
    # and objects have numbers of any kind
    beside = (away <= NOISE) & (peaks != np.argmax(sizes))
    if sizes[beside & (away <= NOISE // 3)].sum() <= NEARLY_RIGHT * sizes[beside].sum():
        return mask
    numbers, indices = indexed(_cleaned(numbers, peaks, away)[indices])
    colours = colours_of_values(numbers)
    fades = ~_are_thick(indices, len(numbers))
    if fades[1:].all():  # nothing but fine lines
        return numbers[indices]
    return np.asarray(numbers[nearest(indices, colours, fades)])


def _cleaned(
    numbers: NDArray[np.int64], peaks: NDArray[np.intp], away: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the number that each is most likely to have been, black and white exactly; (N,)."""
    new = numbers[np.where(away <= NOISE, peaks, np.arange(len(numbers)))]
    colours = colours_of_values(new)
    new[(colours <= NOISE).all(axis=1)] = 0
    is_white = (colours >= 255 - NOISE).all(axis=1)
    new[is_white] = np.where(new[is_white] < IS_COLOUR, 255, _WHITE)
    return new


def _are_thick(indices: NDArray[np.int32], num: int) -> Mask:
    """Return which values are mostly areas, not the lines of mixed colours at an edge; (N,)."""
    inner = is_flat(indices).view(np.uint8)
    opened = cv2.dilate(inner, np.ones((3, 3), np.uint8)) > 0
    sizes = np.bincount(indices.ravel(), minlength=num)
    return np.asarray(np.bincount(indices[opened], minlength=num) > THICK * sizes)


def _peaks(colours: NDArray[np.int64], sizes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return for each colour the most frequent one near it; itself where it has none; (N,)."""
    peaks = np.full(len(colours), -1)
    for number in np.argsort(-sizes, kind="stable")[:MAX_PEAKS].tolist():
        if peaks[number] < 0:
            is_near = np.abs(colours - colours[number]).max(axis=1) <= NOISE
            peaks[is_near & (peaks < 0)] = number
    return np.where(peaks < 0, np.arange(len(colours)), peaks)
