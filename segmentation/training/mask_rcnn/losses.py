"""The five losses of Mask R-CNN, as Matterport's program works them out.

All of them are means over a whole batch and scalars in float32; where nothing counts they are 0.
"""

from __future__ import annotations

from typing import Any

from keras import ops

Tensor = Any


def rpn_class_loss(matches: Tensor, logits: Tensor) -> Tensor:
    """Return the cross-entropy of the anchors that are trained on.

    Args:
        matches: (N, T) int32, 1 object, -1 background, 0 padding.
        logits: (N, T, 2) background, object.
    """
    is_object = ops.cast(matches == 1, "int32")
    return _mean(_cross_entropy(is_object, logits), matches != 0)


def rpn_box_loss(matches: Tensor, targets: Tensor, deltas: Tensor) -> Tensor:
    """Return the smooth L1 distance of the deltas of anchors that are objects.

    Args:
        matches: (N, T) int32, 1 object.
        targets: (N, T, 4)
        deltas: (N, T, 4)
    """
    return _mean(_smooth_l1(targets, deltas), matches == 1)


def class_loss(labels: Tensor, logits: Tensor) -> Tensor:
    """Return the cross-entropy of all regions, padding included.

    Args:
        labels: (N, R) int32, 0 = background.
        logits: (N, R, C)
    """
    return ops.mean(_cross_entropy(labels, logits))


def box_loss(labels: Tensor, targets: Tensor, deltas: Tensor) -> Tensor:
    """Return the smooth L1 distance of the deltas of objects, for their own class.

    Args:
        labels: (N, R) int32, 0 = none.
        targets: (N, R, 4)
        deltas: (N, R, C, 4)
    """
    own = ops.one_hot(labels, deltas.shape[2], dtype="float32")[..., None]
    found = ops.sum(ops.cast(deltas, "float32") * own, axis=2)
    return _mean(_smooth_l1(targets, found), labels > 0)


def mask_loss(labels: Tensor, targets: Tensor, logits: Tensor) -> Tensor:
    """Return the binary cross-entropy of the masks of objects, for their own class.

    Args:
        labels: (N, R) int32, 0 = none whose mask is known.
        targets: (N, R, size, size) 0 or 1.
        logits: (N, R, size, size, C)
    """
    own = ops.one_hot(labels, logits.shape[4], dtype="float32")[:, :, None, None]
    x = ops.sum(ops.cast(logits, "float32") * own, axis=4)
    # log(1 + exp(-|x|)) + max(x, 0) - x t, which does not overflow
    entropy = ops.softplus(-ops.abs(x)) + ops.relu(x) - x * targets
    return _mean(ops.mean(entropy, axis=(2, 3)), labels > 0)


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    counts = ops.cast(counts, "float32")
    return ops.sum(values * counts) / ops.maximum(ops.sum(counts), 1.0)


def _cross_entropy(labels: Tensor, logits: Tensor) -> Tensor:
    logits = ops.cast(logits, "float32")
    log_probs = logits - ops.logsumexp(logits, axis=-1, keepdims=True)
    return -ops.sum(ops.one_hot(labels, logits.shape[-1], dtype="float32") * log_probs, axis=-1)


def _smooth_l1(targets: Tensor, values: Tensor) -> Tensor:
    """Return the mean over the last axis (Girshick 2015, equation 3)."""
    distance = ops.abs(targets - ops.cast(values, "float32"))
    far = distance >= 1
    return ops.mean(ops.where(far, distance - 0.5, 0.5 * distance**2), axis=-1)
