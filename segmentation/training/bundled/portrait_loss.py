"""What the portrait network's masks are marked by: pixels, overlap, outlines and calm."""

from __future__ import annotations

from typing import Any

from keras import ops

from segmentation.training.bundled.portrait_schedule import TWINS_ONE_IN

#: Weights of the soft Dice loss, the outlines' loss and that of flicker beside cross-entropy
DICE, OUTLINES, FLICKER = 0.5, 0.3, 8.0
#: What a teacher's mask counts in cross-entropy, of 1; the true one counts the rest
TAUGHT = 0.5


def loss(targets: Any, logits: Any) -> Any:
    """Return cross-entropy, heavier along outlines, plus losses of overlap, outlines and flicker.

    Milletari et al. 2016, "V-Net", section 3, has the Dice loss. Where nobody knows nothing counts.

    Args:
        targets: (N, H, W, 3), 0 to 255: where people are, what each pixel counts, and where a
            teacher sees people; see `PortraitCrops.batch`. The last are twins of the first.
        logits: (N, H, W, 1).
    """
    target = ops.cast(targets[..., :1], "float32") / 255
    weight = ops.cast(targets[..., 1:2], "float32") / 255
    taught = ops.cast(targets[..., 2:], "float32") / 255
    soft = target + TAUGHT * (taught - target)
    known = ops.cast(weight > 0, "float32")
    logits = ops.cast(logits, "float32")
    # log(1 + exp(-|x|)) + max(x, 0) - x t, which does not overflow
    entropy = ops.softplus(-ops.abs(logits)) + ops.relu(logits) - logits * soft
    entropy = ops.sum(weight * entropy) / (ops.sum(weight) + 1.0)
    found = ops.sigmoid(logits)
    overlap = 2 * ops.sum(known * found * target, axis=(1, 2, 3)) + 50.0
    size = ops.sum(known * (found + target), axis=(1, 2, 3)) + 50.0
    dice = ops.mean(1 - overlap / size)
    outlines, flicker = _outline_loss(found, target, known), _flicker_loss(found, known)
    return entropy + DICE * dice + OUTLINES * outlines + FLICKER * flicker


def _flicker_loss(found: Any, known: Any) -> Any:
    """Return how much is found elsewhere, or nowhere, in what stands still of the twins; a mean."""
    num = ops.shape(found)[0]
    twins = num // TWINS_ONE_IN
    known = known[:twins] * known[num - twins :]
    change = ops.abs(found[:twins] - found[num - twins :])
    return ops.sum(known * change) / (ops.sum(known) + 1.0)


def _outline_loss(found: Any, target: Any, known: Any) -> Any:
    """Return 1 - the F-measure of outlines, made soft, mean over the crops that have some.

    Bokhovkin and Burnaev 2019, "Boundary Loss for Remote Sensing Imagery Semantic Segmentation",
    section 3: an outline is a mask without what an erosion leaves; precision and recall are those
    of its pixels near the other outline, here within one pixel at half the size.
    """
    found, target, known = (_halved(each) for each in (found, target, known))
    # beside what nobody knows there is no outline that anybody knows
    known = ops.cast(_smallest(_smallest(known)) > 0.99, "float32")
    found_edge = known * (found - _smallest(found))
    true_edge = known * (target - _smallest(target))
    num_found, num_true = ops.sum(found_edge, axis=(1, 2)), ops.sum(true_edge, axis=(1, 2))
    matched_found = ops.sum(found_edge * _largest(true_edge), axis=(1, 2))
    matched_true = ops.sum(true_edge * _largest(found_edge), axis=(1, 2))
    # the F-measure of precision P and recall R is 2 / (1 / P + 1 / R)
    misses = (num_found + 1) / (matched_found + 1) + (num_true + 1) / (matched_true + 1)
    counts = ops.cast(num_true > 1, "float32")
    return ops.sum(counts * (1 - 2 / misses)) / (ops.sum(counts) + 1e-3)


def _halved(x: Any) -> Any:
    """Return maps (N, H, W, 1) at half the size, (N, H/2, W/2)."""
    return (x[:, ::2, ::2, 0] + x[:, 1::2, ::2, 0] + x[:, ::2, 1::2, 0] + x[:, 1::2, 1::2, 0]) / 4


def _largest(x: Any) -> Any:
    """Return the largest of each pixel and its eight neighbours, of maps (N, H, W).

    By shifts, which take a twentieth of a pooling's time.
    """
    rows = [x, ops.concatenate([x[:, 1:], x[:, -1:]], 1), ops.concatenate([x[:, :1], x[:, :-1]], 1)]
    x = ops.maximum(ops.maximum(rows[0], rows[1]), rows[2])
    columns = [ops.concatenate([x[:, :, 1:], x[:, :, -1:]], 2)]
    columns.append(ops.concatenate([x[:, :, :1], x[:, :, :-1]], 2))
    return ops.maximum(ops.maximum(x, columns[0]), columns[1])


def _smallest(x: Any) -> Any:
    return -_largest(-x)
