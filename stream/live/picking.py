"""Which object a person means who points at the picture."""

from __future__ import annotations

import numpy as np

from segmentation.instances import Instances

_REACH = 0.01  # of the long side: how far beside an object a click still means it


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
