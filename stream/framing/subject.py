"""Where the heads and shoulders of people are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from stream.framing.crop import Box

#: Rows of the small mask that is looked at.
ROWS = 120
#: Least area of somebody, of the frame's and of that of the largest.
MIN_AREA, MIN_SHARE = 0.004, 0.3
#: What is thinner than this, of the thickest part of somebody, is an arm or what they hold up.
THIN = 0.4
#: Height of head and shoulders, in half widths of the chest.
HEIGHT = 3.4


def subject_box(found: Instances) -> Box | None:
    """Return what is around the heads and shoulders of all people, `None` where there are none.

    Somebody is a connected part of the mask. Their arms, thinner than head and chest, do not count.

    Args:
        found: the foreground.
    """
    mask = found.union() if found.matte is None else found.matte.alpha
    height, width = ROWS, max(1, round(ROWS * mask.shape[1] / mask.shape[0]))
    small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    inside = np.asarray(small >= 128, np.uint8)
    num, labels, stats, _ = cv2.connectedComponentsWithStats(inside)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if num < 2 or areas.max() < MIN_AREA * width * height:
        return None
    people: Box | None = None
    for k in np.flatnonzero(areas >= max(MIN_SHARE * areas.max(), MIN_AREA * width * height)) + 1:
        one = _head_and_shoulders(np.asarray(labels == k, np.uint8))
        people = one if people is None else people.with_other(one)
    return people


def _head_and_shoulders(inside: NDArray[np.uint8]) -> Box:
    """Return the box of one person, of (h, w) uint8 which is 1 inside, somewhere at least."""
    height, width = inside.shape
    # what is beyond the frame is taken for more of them
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    half = float(depth.max())
    core = depth > THIN * half
    rows = np.flatnonzero(core.any(axis=1))
    reach = THIN * half
    top = max(0.0, rows[0] - reach)
    bottom = min(top + HEIGHT * half, rows[-1] + 1 + reach, height)
    columns = np.flatnonzero(core[rows[0] : max(rows[0] + 1, round(bottom))].any(axis=0))
    left, right = max(0.0, columns[0] - reach), min(columns[-1] + 1 + reach, width)
    return Box(left / width, top / height, right / width, bottom / height)
