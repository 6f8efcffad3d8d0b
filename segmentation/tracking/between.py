"""Masks from two sources: of two keyframes, or carried ones and new ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.tracking.propagation.propagate import Carrier, SmallPicture

#: A new mask replaces a carried one where their mean difference, of 255, over a window of so many
#: pixels is at least this; it has at least that weight elsewhere. So outlines that differ by less
#: than about three pixels, which is noise of networks, stay where they were.
WINDOW_PX = 7
MIN_CHANGE = 128.0
MIN_WEIGHT = 0.3


def carried_over(carrier: Carrier, pictures: Iterable[SmallPicture]) -> list[Instances]:
    """Return the instances of one frame after the other, in pixels of the shrunk frames."""
    return [carrier.step(picture) for picture in pictures]


def blend_in(carried: Instances, found: Instances) -> Instances:
    """Return what was found, without a jump where it is nearly what was there already.

    Args:
        carried: known objects, on the same frame as `found` and of the same size.
        found: with the same ids for the same objects.
    """
    row = {int(k): i for i, k in enumerate(carried.ids)}
    masks = found.masks.copy()
    for mask, k in zip(masks, found.ids, strict=True):
        if int(k) in row:
            past, new = carried.masks[row[int(k)]].astype(np.float32), mask.astype(np.float32)
            change = cv2.blur(cv2.absdiff(past, new), (WINDOW_PX, WINDOW_PX))
            weight = np.clip(change / np.float32(MIN_CHANGE), MIN_WEIGHT, 1)
            mask[:] = np.rint(past + weight * (new - past))
    return replace(found, masks=masks)


def blend(forward: Sequence[Instances], backward: Sequence[Instances]) -> list[Instances]:
    """Return the instances of the frames between two keyframes.

    An object of both keyframes gets the mean of its two masks, each weighed by how near its
    keyframe is. One that only one of them knows is shown throughout where it reaches the
    picture's border, since it may have come or gone there, and else on the frames that are
    nearer to its own keyframe.

    Args:
        forward: carried from the keyframe before, in the order of time.
        backward: carried from the keyframe after, in the order of time too; the same object has
            the same id in both.
    """
    first, last = ({int(k) for each in side for k in each.ids} for side in (forward, backward))
    lasting = {
        *(k for k in first - last if _touches_border(forward, k)),
        *(k for k in last - first if _touches_border(backward, k)),
    }
    count = len(forward) + 1
    return [
        _blended(before, after, 1 - (i + 1) / count, lasting)
        for i, (before, after) in enumerate(zip(forward, backward, strict=True))
    ]


def _blended(before: Instances, after: Instances, weight: float, lasting: set[int]) -> Instances:
    """Return the mean of two, the first weighed by `weight`, objects matched by id."""
    row = {int(k): i for i, k in enumerate(after.ids)}
    masks, boxes = before.masks.astype(np.float32), before.boxes.copy()
    for i, k in enumerate(before.ids):
        if int(k) in row:
            masks[i] += (1 - weight) * (after.masks[row[int(k)]] - masks[i])
            boxes[i] += (1 - weight) * (after.boxes[row[int(k)]] - boxes[i])
        elif int(k) not in lasting:
            masks[i] *= weight
    known = {int(k) for k in before.ids}
    alone = after[np.array([int(k) not in known for k in after.ids], bool)]
    shares = [1.0 if int(k) in lasting else 1 - weight for k in alone.ids]
    more = alone.masks * np.array(shares, np.float32)[:, None, None]
    return _seen(
        Instances(
            boxes=np.concatenate([boxes, alone.boxes]),
            scores=np.concatenate([before.scores, alone.scores]),
            labels=np.concatenate([before.labels, alone.labels]),
            masks=np.rint(np.concatenate([masks, more])).astype(np.uint8),
            ids=np.concatenate([before.ids, alone.ids]),
        )
    )


def _seen(instances: Instances) -> Instances:
    """Return those that have a pixel inside, best first."""
    seen = np.array([bool((mask >= 128).any()) for mask in instances.masks], bool)
    order = np.argsort(-instances.scores, kind="stable")
    return instances[order[seen[order]]]


def _touches_border(side: Sequence[Instances], k: int) -> bool:
    """Return whether the object of id `k` reaches the picture's border on one of the frames."""
    return any(_at_border(mask) for each in side for mask in each.masks[each.ids == k])


def _at_border(mask: NDArray[np.uint8]) -> bool:
    edges = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    return any(bool((edge >= 128).any()) for edge in edges)
