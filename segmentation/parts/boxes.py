"""Boxes as networks see them: anchors, deltas, overlap and non-maximum suppression.

Boxes here are y1, x1, y2, x2. Everything but the anchors works on tensors of any Keras backend,
with fixed shapes and a leading axis of N images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

Tensor = Any


#: detections worked on together by `in_batches`; few, because most images show few objects
BATCH = 5
#: rows of candidates that `non_max_suppression` settles at a time, at most
NMS_BLOCK = 1000


def pyramid_anchors(
    size_hw: tuple[int, int],
    *,
    strides: Sequence[int],
    scales_px: Sequence[float],
    ratios: Sequence[float],
) -> NDArray[np.float64]:
    """Return the anchors of a feature pyramid, one scale a level (Lin et al. 2017, section 4.1).

    Args:
        size_hw: of the network's input, in pixels.
        strides: pixels of the input per feature pixel, one for each level.
        scales_px: side of the square anchor of each level.
        ratios: width over height, all of the same area.

    Returns:
        (A, 4) in pixels, ordered by level, y, x, ratio. The centres lie on whole multiples of
        the stride, anchors may reach beyond the image.
    """
    root = np.sqrt(np.asarray(ratios, np.float64))
    levels = []
    for stride, scale in zip(strides, scales_px, strict=True):
        y, x = (np.arange(-(-side // stride)) * stride for side in size_hw)
        grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)[:, :, None]
        half = np.stack([scale / root, scale * root], axis=-1) / 2
        boxes = np.concatenate([grid - half, grid + half], axis=-1)
        levels.append(boxes.reshape(-1, 4))
    return np.concatenate(levels)


def apply_deltas(boxes: Tensor, deltas: Tensor) -> Tensor:
    """Move and resize boxes (Girshick et al. 2014, appendix C).

    Args:
        boxes: (..., 4) y1, x1, y2, x2.
        deltas: (..., 4) dy, dx in units of height and width, log dh, log dw.

    Returns:
        (..., 4)
    """
    size = boxes[..., 2:] - boxes[..., :2]
    centre = boxes[..., :2] + 0.5 * size + deltas[..., :2] * size
    size = size * ops.exp(deltas[..., 2:])
    first = centre - 0.5 * size
    return ops.concatenate([first, first + size], axis=-1)


def box_deltas(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the deltas (..., 4) by which `apply_deltas` makes `others` of `boxes`, both (..., 4).

    Sides must not be 0.
    """
    size, other_size = (x[..., 2:] - x[..., :2] for x in (boxes, others))
    moved = others[..., :2] + 0.5 * other_size - boxes[..., :2] - 0.5 * size
    return ops.concatenate([moved / size, ops.log(other_size / size)], axis=-1)


def clip(boxes: Tensor, window: Tensor) -> Tensor:
    """Limit (N, K, 4) boxes to a window (N, 4) for each image."""
    first = ops.concatenate([window[:, :2]] * 2, axis=-1)[:, None]
    last = ops.concatenate([window[:, 2:]] * 2, axis=-1)[:, None]
    return ops.maximum(ops.minimum(boxes, last), first)


def iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return intersection over union (N, K, M) of (N, K, 4) with (N, M, 4); 0 if both are empty."""
    y1, x1, y2, x2 = (boxes[:, :, None, side] for side in range(4))
    v1, u1, v2, u2 = (others[:, None, :, side] for side in range(4))
    height = ops.maximum(ops.minimum(y2, v2) - ops.maximum(y1, v1), 0)
    width = ops.maximum(ops.minimum(x2, u2) - ops.maximum(x1, u1), 0)
    shared = height * width
    union = (y2 - y1) * (x2 - x1) + (v2 - v1) * (u2 - u1) - shared
    return shared / ops.maximum(union, 1e-12)


def take_rows(rows: Tensor, index: Tensor, num_images: int) -> Tensor:
    """Return rows (N, K, D) of each image at `index` (N, M), shape (N, M, D)."""
    num_rows, depth = rows.shape[1:]
    offset = np.arange(num_images, dtype=np.int32)[:, None] * num_rows
    flat = ops.reshape(rows, (num_images * num_rows, depth))
    # `ops.add` would take an offset of as many rows as `index` has columns for a bias (Keras 3.15).
    return ops.take(flat, ops.cast(index, "int32") + ops.convert_to_tensor(offset), axis=0)


def first_true(flags: Tensor, num: int) -> Tensor:
    """Return (N, num) indices of the first true flags of (N, K), in order; the rest arbitrary."""
    length = flags.shape[1]
    order = np.arange(length, 0, -1, dtype=np.float32)
    return ops.top_k(ops.where(flags, order, np.zeros_like(order)), num)[1]


def _greedy(alive: Tensor, overlaps: Tensor) -> Tensor:
    """Settle which of (N, K) candidates, best first, greedy suppression keeps.

    A candidate is kept unless one kept before it overlaps it. Applied to any guess, this rule
    corrects at least one more candidate from the front, so it comes to rest, and only the
    greedy solution is at rest.

    Args:
        alive: (N, K) float, 1 where a candidate takes part.
        overlaps: (N, K, K) float, 1 where the column's candidate, being earlier, would suppress
            the row's.
    """

    def settle(kept: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        hits = ops.matmul(overlaps, kept[..., None])[..., 0]
        settled = ops.where(hits > 0, ops.zeros_like(alive), alive)
        return settled, ops.any(settled != kept)

    return ops.while_loop(lambda _, changed: changed, settle, settle(alive, alive))[0]


def _clashes(one: Tensor, other: Tensor, *, max_iou: float, labelled: bool) -> Tensor:
    """Return (N, K, M): which of the rows (N, K, D) and (N, M, D) suppress each other."""
    hit = iou(one, other) > max_iou
    if labelled:
        hit = ops.logical_and(hit, one[:, :, None, 4] == other[:, None, :, 4])
    return hit


def non_max_suppression(
    rows: Tensor, alive: Tensor, *, max_iou: float, num_kept: int, num_images: int, labelled: bool
) -> Tensor:
    """Keep the first `num_kept` candidates of greedy non-maximum suppression, exactly.

    Candidates are settled a block at a time, against those kept before and among themselves,
    until enough are kept.

    Args:
        rows: (N, K, D), best first: box, then, if `labelled`, the class, then anything.
        alive: (N, K) boolean, false for rows to be passed over.
        max_iou: a candidate that overlaps a kept one by more is dropped.
        num_kept: rows to return.
        num_images: N.
        labelled: only candidates of the same class suppress each other.

    Returns:
        (N, num_kept, D) rows kept, best first, then rows of 0.
    """
    num_rows, depth = rows.shape[1:]
    size = min(NMS_BLOCK, 4 * num_kept, num_rows)
    num_blocks = -(-num_rows // size)
    padding = ((0, 0), (0, num_blocks * size - num_rows))
    rows = ops.pad(rows, (*padding, (0, 0)))
    rank = np.arange(1, num_rows + 1, dtype=np.int32)
    last = ops.max(ops.where(alive, rank, np.zeros_like(rank)))
    blocks = ops.reshape(rows, (num_images, num_blocks, size, depth))
    alive = ops.reshape(
        ops.pad(ops.cast(alive, "float32"), padding), (num_images, num_blocks, size)
    )
    earlier = np.tril(np.ones((size, size), bool), -1)
    slots = np.arange(num_kept, dtype=np.int32)
    clashes = partial(_clashes, max_iou=max_iou, labelled=labelled)

    def add_block(index: Tensor, kept: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        block = ops.take(blocks, index, axis=1)
        free = ops.logical_not(ops.any(clashes(block, kept), axis=2))
        candidates = ops.take(alive, index, axis=1) * ops.cast(free, "float32")
        overlaps = ops.cast(ops.logical_and(clashes(block, block), earlier), "float32")
        chosen = _greedy(candidates, overlaps) > 0
        compact = take_rows(block, first_true(chosen, size), num_images)
        place = ops.subtract(slots, count[:, None])
        num_new = ops.sum(ops.cast(chosen, "int32"), axis=1)
        is_new = ops.logical_and(place >= 0, place < num_new[:, None])
        new = take_rows(compact, ops.clip(place, 0, size - 1), num_images)
        return index + 1, ops.where(is_new[..., None], new, kept), count + num_new

    def wanting(index: Tensor, _: Tensor, count: Tensor) -> Tensor:
        return ops.logical_and(index * size < last, ops.any(count < num_kept))

    start = (
        ops.zeros((), "int32"),
        ops.zeros((num_images, num_kept, depth), "float32"),
        ops.zeros((num_images,), "int32"),
    )
    return ops.while_loop(wanting, add_block, start)[1]


def in_batches(
    step: Callable[[Tensor], Sequence[Tensor]],
    detections: Tensor,
    shapes: Sequence[tuple[int, ...]],
) -> list[Tensor]:
    """Apply `step` to a few detections at a time, until only padding is left.

    Args:
        step: from rows (N, B, D) to tensors (N * B, *shape) in float32, one for each of `shapes`.
        detections: (N, K, D), score in column 5; rows of score 0, the last ones, are padding. K
            is a multiple of `BATCH`.
        shapes: of what `step` makes of one detection.

    Returns:
        Tensors (N, K, *shape); 0 for the padding.
    """
    num, length, depth = detections.shape
    num_batches = length // BATCH
    batches = ops.reshape(detections, (num, num_batches, BATCH, depth))
    scores = detections[..., 5]
    most = ops.max(ops.sum(ops.cast(scores > 0, "int32"), axis=1))
    position = np.arange(num_batches, dtype=np.int32)

    def add_batch(index: Tensor, *results: Tensor) -> tuple[Tensor, ...]:
        made = step(ops.take(batches, index, axis=1))
        new = [
            ops.reshape(x, (num, 1, BATCH, *shape)) for x, shape in zip(made, shapes, strict=True)
        ]
        return index + 1, *(
            ops.where(ops.reshape(position, (1, -1, *[1] * (x.ndim - 2))) == index, x, old)
            for x, old in zip(new, results, strict=True)
        )

    start = [ops.zeros((num, num_batches, BATCH, *shape), "float32") for shape in shapes]
    _, *results = ops.while_loop(
        lambda index, *_: index * BATCH < most, add_batch, (ops.zeros((), "int32"), *start)
    )
    results = [
        ops.reshape(x, (num, length, *shape)) for x, shape in zip(results, shapes, strict=True)
    ]
    return [
        ops.where(ops.reshape(scores > 0, (num, length, *[1] * len(shape))), x, ops.zeros_like(x))
        for x, shape in zip(results, shapes, strict=True)
    ]
