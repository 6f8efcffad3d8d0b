"""People found twice, known by their masks: boxes of people who stand close overlap anyway."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances

#: What is left of the score of somebody all of whose mask is part of better ones.
LEAST_SHARE = 0.5
#: Pixels along a side at which masks are compared; more tell nothing new.
MAX_SIDE = 512


def without_duplicates(found: Instances, min_score: float) -> Instances:
    """Return instances with scores that count who was found before, best first.

    A score is reduced by the share of the mask that is part of better ones, as Soft-NMS does it
    by the overlap of boxes (Bodla et al. 2017, section 3). Unlike boxes, the masks of two people
    hardly overlap.

    Args:
        found: best first.
        min_score: those below it are left out.
    """
    scores = found.scores * (1 - (1 - LEAST_SHARE) * _shares_taken(found.masks))
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= min_score]
    best = found[order]
    return Instances(
        best.boxes, scores[order].astype(np.float32), best.labels, best.masks, best.ids
    )


def _shares_taken(masks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what share (K,) of each of (K, H, W) masks is part of those before."""
    step = max(1, -(-max(masks.shape[1:]) // MAX_SIDE))
    taken = np.zeros(masks[:, ::step, ::step].shape[1:], np.bool_)
    shares = np.zeros(len(masks), np.float32)
    for index, mask in enumerate(masks[:, ::step, ::step]):
        inside = mask >= 128
        shares[index] = taken[inside].mean() if inside.any() else 0.0
        taken |= inside
    return shares
