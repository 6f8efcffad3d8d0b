"""Objects that touch and are found as one are taken apart by where they were before."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances

#: Share of a known object within what was found, of which on that may be several, and share of the
#: latter that the known objects explain together.
MIN_INSIDE, MIN_EXPLAINED = 0.5, 0.7
#: What overlaps one of them as much (IoU) is that one alone.
MAX_ALONE = 0.7
#: Of known objects that stand beside each other, one covers no more of the other.
MAX_SHARED = 0.3
#: Overlap (IoU) from which on a known object was found by itself as well.
MIN_OWN = 0.5


def take_apart(found: Instances, known: Instances | None) -> Instances:
    """Return what was found, each object in it that is several known ones replaced by these.

    People who embrace, say, may be found as one. One who goes behind another is no such case:
    what is found is then the other, alone.

    Args:
        found: on a frame.
        known: objects carried to the same frame, of any size; `None`: nothing is known.
    """
    if known is None or len(known) < 2 or len(found) == 0:
        return found
    small = _flat(found.scaled_to(known.size_hw))
    before = _flat(known)
    areas, known_areas = (np.maximum(1, masks.sum(axis=1)) for masks in (small, before))
    shared = small @ before.T
    overlaps = shared / (areas[:, None] + known_areas - shared)
    is_in = (shared / known_areas >= MIN_INSIDE) & (found.labels[:, None] == known.labels)
    for k in np.flatnonzero(is_in.sum(axis=1) > 1)[::-1]:
        several = np.flatnonzero(is_in[k])
        explained = before[several].max(axis=0) @ small[k] / areas[k]
        both = before[several] @ before[several].T / known_areas[several]
        np.fill_diagonal(both, 0)
        if (
            explained < MIN_EXPLAINED
            or overlaps[k, several].max() >= MAX_ALONE
            or both.max() > MAX_SHARED
        ):
            continue
        others = np.delete(overlaps, k, axis=0)[:, several].max(axis=0, initial=0)
        parts = _parts(found[k : k + 1], known[several])
        found = _joined(found[:k], parts[others < MIN_OWN], found[k + 1 :])
    return found


def _flat(objects: Instances) -> NDArray[np.float32]:
    """Return (K, N): 1 inside the masks, 0 outside, at every second pixel of every second row."""
    sample = objects.masks[:, ::2, ::2].reshape(len(objects), -1)
    return (sample >= 128).astype(np.float32)


def _parts(one: Instances, known: Instances) -> Instances:
    """Give each pixel of an object to the known one that it is deepest in, or nearest to."""
    depths = []
    for mask in known.masks:
        inside = (mask >= 128).astype(np.uint8)
        depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
        depths.append(depth - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3))
    owner = np.argmax(depths, axis=0).astype(np.uint8)
    owner = cv2.resize(owner, one.size_hw[::-1], interpolation=cv2.INTER_NEAREST)
    masks = np.where(owner == np.arange(len(known))[:, None, None], one.masks, np.uint8(0))
    corners = [cv2.boundingRect((mask >= 128).astype(np.uint8)) for mask in masks]
    return Instances(
        boxes=np.array([(x, y, x + w, y + h) for x, y, w, h in corners], np.float32),
        scores=np.repeat(one.scores, len(known)),
        labels=known.labels,
        masks=masks,
        ids=np.full(len(known), -1, np.int32),
    )


def _joined(*parts: Instances) -> Instances:
    return Instances(
        boxes=np.concatenate([part.boxes for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        masks=np.concatenate([part.masks for part in parts]),
        ids=np.concatenate([part.ids for part in parts]),
    )
