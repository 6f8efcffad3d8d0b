"""What the region proposal network shall say of anchors (Ren et al. 2015, section 3.1.2)."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from segmentation.mask_rcnn.box_coordinates import DELTA_SCALE

Array = NDArray[Any]
#: IoU from which an anchor is an object, and below which with every object it is background
MIN_OBJECT_IOU = 0.7
MAX_BACKGROUND_IOU = 0.3
#: IoU with a region to be ignored from which an anchor or a proposal is not counted as background
MAX_IGNORED_IOU = 0.001
#: anchors of an image that are trained on, at most half of them objects
NUM_TRAINED = 256


class Chooser(Protocol):
    """What is needed of a generator of random numbers."""

    def choice(self, a: Array, size: int, replace: bool) -> Array:
        """Return some of `a`."""


class RPNTargets(NamedTuple):
    """The anchors of an image that are trained on, in order, rows of 0 behind them.

    Attributes:
        rows: (T,) int32, which anchor.
        matches: (T,) int32, 1 object, -1 background, 0 padding.
        deltas: (T, 4) float32 from an anchor that is an object to the object it overlaps most, in
            units of `DELTA_SCALE`; else 0.
    """

    rows: NDArray[np.int32]
    matches: NDArray[np.int32]
    deltas: NDArray[np.float32]


def match_anchors(anchors: Array, boxes: Array, ignored: Array) -> tuple[Array, Array]:
    """Match all anchors with objects, as Matterport's program does.

    An anchor that overlaps an object enough, or better than all other anchors do, is one; one
    that overlaps no object and no ignored region is background.

    Args:
        anchors: (A, 4) float64 y1, x1, y2, x2 in pixels. In float32 other anchors of the same
            overlap would be the best ones.
        boxes: (G, 4) of the objects, in the same pixels, none empty.
        ignored: (I, 4) of regions to be ignored.

    Returns:
        Matches (A,) int8: 1 object, -1 background, 0 neither; index (A,) of the object that each
        anchor overlaps most.
    """
    matches = np.zeros(len(anchors), np.int8)
    background = np.ones(len(anchors), bool)
    if len(ignored):
        background = _overlaps(anchors, ignored).max(axis=1) < MAX_IGNORED_IOU
    if not len(boxes):
        matches[background] = -1
        return matches, np.zeros(len(anchors), np.intp)
    overlaps = _overlaps(anchors, boxes)
    best, best_of_object = overlaps.max(axis=1), overlaps.max(axis=0)
    matches[background & (best < MAX_BACKGROUND_IOU)] = -1
    matches[((overlaps == best_of_object) & (best_of_object > 0)).any(axis=1)] = 1
    matches[best >= MIN_OBJECT_IOU] = 1
    return matches, overlaps.argmax(axis=1)


def rpn_targets(
    anchors: Array, boxes: Array, ignored: Array, rng: Chooser, num_trained: int = NUM_TRAINED
) -> RPNTargets:
    """Draw the anchors of an image that are trained on, as Matterport's program does.

    Args:
        anchors: see `match_anchors`, likewise the other two.
        boxes: of the objects.
        ignored: of regions to be ignored.
        rng: drops what is too much.
        num_trained: T.
    """
    matches, best = match_anchors(anchors, boxes, ignored)
    for wanted in (1, -1):
        limit = num_trained // 2 if wanted == 1 else num_trained - int((matches == 1).sum())
        index = np.flatnonzero(matches == wanted)
        if len(index) > limit:
            matches[rng.choice(index, len(index) - limit, replace=False)] = 0
    chosen = np.flatnonzero(matches)
    targets = RPNTargets(
        np.zeros(num_trained, np.int32),
        np.zeros(num_trained, np.int32),
        np.zeros((num_trained, 4), np.float32),
    )
    targets.rows[: len(chosen)] = chosen
    targets.matches[: len(chosen)] = matches[chosen]
    objects = np.flatnonzero(targets.matches == 1)
    if len(objects):
        found = targets.rows[objects]
        targets.deltas[objects] = _deltas(anchors[found], boxes[best[found]]) / DELTA_SCALE
    return targets


def _overlaps(boxes: Array, others: Array) -> Array:
    """Return intersection over union (K, M) of (K, 4) with (M, 4)."""
    area, other_area = ((x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1]) for x in (boxes, others))
    result = np.empty((len(boxes), len(others)))
    for column, (y1, x1, y2, x2) in enumerate(others):
        height = np.minimum(boxes[:, 2], y2) - np.maximum(boxes[:, 0], y1)
        width = np.minimum(boxes[:, 3], x2) - np.maximum(boxes[:, 1], x1)
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        result[:, column] = shared / (other_area[column] + area - shared)
    return result


def _deltas(boxes: Array, others: Array) -> Array:
    size, other_size = (x[:, 2:] - x[:, :2] for x in (boxes, others))
    moved = others[:, :2] + 0.5 * other_size - (boxes[:, :2] + 0.5 * size)
    return np.concatenate([moved / size, np.log(other_size / size)], axis=1)
