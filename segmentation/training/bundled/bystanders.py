"""People whom the labels of a photo leave out, as far as the portrait network sees them."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.portrait.segmenter import load_portrait
from segmentation.segmenter import Options, Segmenter

#: Sources that label the person a photo is of, and not those behind.
BYSTANDER_SOURCES = frozenset({"ccp", "pennfudan"})
#: Share of the photo's long side by which masks may be too tight.
MARGIN = 0.03
#: Share of the photo's pixels from which something unlabelled may be a person.
MIN_SHARE = 0.002


def bystanders(image: NDArray[np.uint8], labelled: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return masks (H, W) uint8, 1 inside, of what may be people whom nobody labelled.

    Args:
        image: (H, W, 3) uint8 RGB.
        labelled: (H, W) uint8, not 0 where people are labelled.
    """
    people = portrait().segment(image[None])[0].union()
    return unlabelled_parts(people >= 128, labelled)


@cache
def portrait() -> Segmenter:
    """Return the portrait network, loaded once in a process."""
    return load_portrait(Options())


def unlabelled_parts(
    people: NDArray[np.bool_], labelled: NDArray[np.uint8]
) -> list[NDArray[np.uint8]]:
    """Return the connected parts (H, W) of `people` that no label explains.

    Args:
        people: (H, W) where a network sees people.
        labelled: (H, W) uint8, not 0 where people are labelled.
    """
    reach = round(MARGIN * max(people.shape))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    near = cv2.dilate((labelled != 0).view(np.uint8), disc) != 0
    num, parts, stats, _ = cv2.connectedComponentsWithStats((people & ~near).view(np.uint8))
    least = MIN_SHARE * people.size
    return [
        (parts == index).view(np.uint8)
        for index in range(1, num)
        if stats[index, cv2.CC_STAT_AREA] >= least
    ]
