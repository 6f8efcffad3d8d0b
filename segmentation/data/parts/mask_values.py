"""The values of a mask, each a grey or a colour in one number, and where they are."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

#: Of a number that is a colour: 16 bits each of red, green and blue, lowest first, below this
IS_COLOUR = 1 << 48
#: Greys up to this are most likely numbers, of which one between two others means nothing
LARGEST_ID = 50
#: Pixels that are sorted at a time
_STRIP = 1_000_000

Mask = NDArray[np.bool_]
Integer = TypeVar("Integer", np.int32, np.int64)


def indexed(mask: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the numbers of a mask, in order, and (H, W) which of them is where."""
    numbers = values_of(mask)
    indices = np.empty(mask.shape, np.int32)
    top = 0
    for strip in _strips(mask):
        indices[top : top + len(strip)] = np.searchsorted(numbers, strip)
        top += len(strip)
    return numbers, indices


def values_of(picture: NDArray[Integer]) -> NDArray[Integer]:
    """Return the values of a picture (H, W), in order."""
    return np.unique(np.concatenate([np.unique(strip) for strip in _strips(picture)]))


def _strips(picture: NDArray[Integer]) -> list[NDArray[Integer]]:
    """Return parts of a picture that are sorted one by one, which takes less memory."""
    return np.array_split(picture, max(1, picture.size // _STRIP))


def colours_of_values(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (N, 3) red, green and blue; of greys they are equal."""
    channels = numbers[:, None] >> np.array([0, 16, 32]) & 0xFFFF
    is_grey = numbers < IS_COLOUR
    channels[is_grey] = numbers[is_grey, None]
    return np.asarray(channels)


def nearest(
    indices: NDArray[np.int32], colours: NDArray[np.int64], fades: Mask
) -> NDArray[np.int32]:
    """Give every pixel of some values to that value around it whose colour is nearest."""
    at = np.flatnonzero(fades[indices].ravel())
    new = indices.ravel().copy()
    own = colours[new[at]].astype(np.float64)
    best = np.full(len(at), np.inf)
    for number in np.flatnonzero(~fades).tolist():
        near = cv2.dilate((indices == number).view(np.uint8), np.ones((9, 9), np.uint8))
        away = np.abs(own - colours[number]).sum(axis=1) + np.where(near.ravel()[at] > 0, 0, 1e9)
        is_nearer = away < best
        best[is_nearer] = away[is_nearer]
        new[at[is_nearer]] = number
    return new.reshape(indices.shape)


def is_flat(indices: NDArray[np.int32]) -> Mask:
    """Return where a pixel and all around it have one value; (H, W)."""
    shades = indices.astype(np.float32)
    block = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.erode(shades, block) == cv2.dilate(shades, block))


def are_areas(indices: NDArray[np.int32], num: int) -> Mask:
    """Return which values are areas: somewhere a pixel and all around it have them; (N,)."""
    is_area = np.zeros(num, np.bool_)
    is_area[np.unique(indices[is_flat(indices)])] = True
    return is_area
