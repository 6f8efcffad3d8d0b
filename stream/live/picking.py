"""Which object a person means who points at the picture, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmentation.instances import Instances
from stream.foreground import Picked

_REACH = 0.01  # of the long side: how far beside an object a click still means it


def pixel_at(place: tuple[float, float], size_hw: tuple[int, int]) -> tuple[int, int]:
    """Return x and y of a place, from 0 to 1 from the left and from the top, in a picture."""
    height, width = size_hw
    return min(width - 1, int(place[0] * width)), min(height - 1, int(place[1] * height))


def object_at(found: Instances, at_xy: tuple[int, int], frame_hw: tuple[int, int]) -> int | None:
    """Return which object lies at a place, or close by; the smallest of several, `None` for none.

    Args:
        found: in an image of any size.
        at_xy: in pixels of the frame.
        frame_hw: size of the frame.
    """
    height, width = found.size_hw
    x, y = at_xy[0] * width // frame_hw[1], at_xy[1] * height // frame_hw[0]
    reach = max(1, round(_REACH * max(height, width)))
    near = found.masks[:, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    for masks in (found.masks[:, y : y + 1, x : x + 1], near):
        under = np.flatnonzero((masks >= 128).any(axis=(1, 2)))
        if len(under):
            left, top, right, bottom = found.boxes[under].T
            return int(under[np.argmin((right - left) * (bottom - top))])
    return None


def picked_again(
    picked: Picked, found: Instances, k: int, classes: Sequence[str], *, is_photo: bool
) -> tuple[Picked, str]:
    """Drop an object, or keep it again; returns which are foreground then, and what to tell.

    Args:
        picked: which are foreground now.
        found: all objects.
        k: which of them is meant.
        classes: names by label.
        is_photo: it is dropped from this picture alone.

    Raises:
        ValueError: the network does not know the object again.
    """
    number, name = int(found.ids[k]), classes[found.labels[k]]
    title = f"#{number} {name}"
    if is_photo:
        number, title, picked = k, name, picked.in_photo(found)
    if number < 0:
        raise ValueError("this network tells no objects apart; begin with --model mask-rcnn-person")
    keep = not picked.chosen(found)[k]
    return picked.with_one(number, keep=keep), f"{title}: {'kept' if keep else 'dropped'}"
