"""What the box and the mask head shall say of proposals (He et al. 2017, section 3.1)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from segmentation.mask_rcnn.box_coordinates import DELTA_SCALE
from segmentation.parts.boxes import box_deltas, iou, take_rows
from segmentation.training.mask_rcnn.rpn_targets import MAX_IGNORED_IOU

Tensor = Any

#: IoU with an object from which a proposal is that object
MIN_OBJECT_IOU = 0.5
#: share of objects among the regions trained on
OBJECT_SHARE = 0.33


class DetectionTargets(NamedTuple):
    """Regions that the heads are trained on, `num_objects` rows for objects before all others.

    Rows that are not needed are padding: box 0, label 0, which counts as background.

    Attributes:
        boxes: (N, R, 4) normalised.
        labels: (N, R) int32 class, 0 = background.
        deltas: (N, num_objects, 4) to the object, in units of `DELTA_SCALE`.
        masks: (N, num_objects, size, size) 0 or 1.
        has_mask: (N, num_objects) bool, whether the mask of the object is known.
    """

    boxes: Tensor
    labels: Tensor
    deltas: Tensor
    masks: Tensor
    has_mask: Tensor


def num_object_rows(num_regions: int) -> int:
    """Return how many of the regions of an image may be objects."""
    return int(num_regions * OBJECT_SHARE)


def detection_targets(
    proposals: Tensor,
    boxes: Tensor,
    labels: Tensor,
    mini_masks: Tensor,
    draws: Tensor,
    *,
    num_regions: int,
    mask_size: int,
    min_others: int = 0,
) -> DetectionTargets:
    """Draw the regions of an image that the heads are trained on, as Matterport's program does.

    Args:
        proposals: (N, P, 4) normalised, rows of 0 are padding.
        boxes: (N, G, 4) of the objects, normalised.
        labels: (N, G) int32: class of an object, 0 where there is none, -1 of a region to be
            ignored.
        mini_masks: (N, G, M, M) of each object within its box, 0 to 1; empty where it is not known.
        draws: (N, P) in [0, 1), random; of too many proposals those with the largest are kept.
        num_regions: R.
        mask_size: side of a mask of the network.
        min_others: see `TrainingConfig`.
    """
    num_images = proposals.shape[0]
    num_objects = num_object_rows(num_regions)
    is_object, is_other, nearest = _sorted_out(proposals, boxes, labels)
    rows, chosen = _drawn(is_object, draws, num_objects)
    other_rows, other_chosen = _drawn(is_other, draws, num_regions - num_objects)
    slots = np.arange(num_regions - num_objects, dtype=np.int32)
    wanted = ops.less(slots, ops.maximum(_num_others(chosen), min_others))
    other_chosen = ops.logical_and(other_chosen, wanted)

    regions = take_rows(proposals, rows, num_images)
    match = ops.take_along_axis(nearest, rows, axis=1)
    matched = take_rows(boxes, match, num_images)
    matched_masks = _taken(mini_masks, match, num_images)
    chosen_boxes = ops.where(chosen[..., None], regions, ops.zeros_like(regions))
    others = take_rows(proposals, other_rows, num_images)
    others = ops.where(other_chosen[..., None], others, ops.zeros_like(others))
    label = ops.take_along_axis(ops.cast(labels, "int32"), match, axis=1)
    label = ops.where(chosen, label, ops.zeros_like(label))
    whole = np.array([0, 0, 1, 1], np.float32)
    # padding must not divide by 0
    regions, matched = (ops.where(chosen[..., None], x, whole) for x in (regions, matched))
    masks = ops.round(_cropped(matched_masks, regions, matched, mask_size))
    return DetectionTargets(
        boxes=ops.concatenate([chosen_boxes, others], axis=1),
        labels=ops.pad(label, ((0, 0), (0, num_regions - num_objects))),
        deltas=ops.divide(box_deltas(regions, matched), DELTA_SCALE),
        masks=ops.where(chosen[..., None, None], masks, ops.zeros_like(masks)),
        has_mask=ops.any(matched_masks > 0, axis=(2, 3)),
    )


def _sorted_out(proposals: Tensor, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return which proposals (N, P) are objects, which are not, and the object each is nearest to.

    One that lies mostly in a region to be ignored, or is padding, is neither.
    """
    overlaps = iou(proposals, boxes)
    with_objects = overlaps * ops.cast(labels > 0, "float32")[:, None]
    ignored = ops.max(overlaps * ops.cast(labels < 0, "float32")[:, None], axis=2)
    best = ops.max(with_objects, axis=2)
    is_region = ops.any(proposals != 0, axis=2)
    is_object = ops.logical_and(best >= MIN_OBJECT_IOU, is_region)
    is_other = ops.logical_and(best < MIN_OBJECT_IOU, ignored < MAX_IGNORED_IOU)
    return is_object, ops.logical_and(is_other, is_region), ops.argmax(with_objects, axis=2)


def _num_others(chosen: Tensor) -> Tensor:
    """Return (N, 1) int32: regions of the background that go with the objects chosen, (N, K)."""
    count = ops.sum(ops.cast(chosen, "float32"), axis=1, keepdims=True)
    return ops.cast(np.float32(1 / OBJECT_SHARE) * count, "int32") - ops.cast(count, "int32")


def _drawn(flags: Tensor, draws: Tensor, num: int) -> tuple[Tensor, Tensor]:
    """Return rows (N, num) of the flags (N, P) with the largest draws, and which of them count."""
    rank, rows = ops.top_k(ops.where(flags, draws + 1.0, ops.zeros_like(draws)), num)
    return ops.cast(rows, "int32"), rank > 0


def _taken(masks: Tensor, index: Tensor, num_images: int) -> Tensor:
    """Return masks (N, R, M, M) of (N, G, M, M) at `index` (N, R)."""
    num, size = masks.shape[1:3]
    flat = ops.reshape(masks, (num_images, num, size * size))
    taken = take_rows(flat, index, num_images)
    return ops.reshape(taken, (num_images, index.shape[1], size, size))


def _cropped(masks: Tensor, regions: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Sample masks (N, R, M, M) that fill `boxes` (N, R, 4) at a grid over `regions` (N, R, 4).

    The corners of the grid lie on those of the region, the centres of the outermost pixels of a
    mask on those of the box; outside a mask is 0.
    """
    length = boxes[..., 2:] - boxes[..., :2]
    first = (regions[..., :2] - boxes[..., :2]) / length
    last = (regions[..., 2:] - boxes[..., :2]) / length
    rows, columns = (
        _samples(first[..., axis], last[..., axis], size, masks.shape[2]) for axis in (0, 1)
    )
    return ops.matmul(ops.matmul(rows, masks), ops.swapaxes(columns, 2, 3))


def _samples(first: Tensor, last: Tensor, num: int, num_pixels: int) -> Tensor:
    """Return matrices (N, R, num, num_pixels) that sample evenly from `first` to `last` (N, R).

    Both are fractions of the distance of the outermost pixels.
    """
    limit = float(num_pixels - 1)
    steps = np.arange(num, dtype=np.float32) * limit / (num - 1)
    position = first[..., None] * limit + ops.multiply(steps, (last - first)[..., None])
    inside = ops.cast(ops.logical_and(position >= 0, position <= limit), "float32")
    pixels = np.arange(num_pixels, dtype=np.float32)
    distance = ops.abs(ops.subtract(position[..., None], pixels))
    return ops.maximum(1 - distance, 0) * inside[..., None]
