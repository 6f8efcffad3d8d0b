"""How well masks agree with the truth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def intersection_over_union(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return the Jaccard index of two boolean arrays of one shape; 1 when both are empty."""
    union = int(np.count_nonzero(mask | truth))
    return int(np.count_nonzero(mask & truth)) / union if union else 1.0


def boundary_f(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return how well the outlines of two masks agree; 1 when neither has any.

    The boundary measure of Perazzi et al. 2016, "A Benchmark Dataset and Evaluation Methodology
    for Video Object Segmentation", section 5.1: the F-measure of the precision and recall of the
    outlines' pixels, matched within 0.8 % of the image's diagonal, rounded. Not to be compared with
    figures of the authors' program, which rounds that up and takes outlines otherwise: on small
    images the two differ by up to 0.1.

    Args:
        mask: (H, W) bool.
        truth: (H, W) bool.
    """
    reach = max(1, round(0.008 * float(np.hypot(*mask.shape))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    found, true = _outline(mask), _outline(truth)
    if not found.any() and not true.any():
        return 1.0
    if not found.any() or not true.any():
        return 0.0
    precision = np.mean(cv2.dilate(true, disc)[found > 0])
    recall = np.mean(cv2.dilate(found, disc)[true > 0])
    total = float(precision + recall)
    return 2 * float(precision * recall) / total if total else 0.0


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the pixels of `mask` that touch its outside, 1 there; the image's border is none."""
    inside = mask.astype(np.uint8)
    return np.asarray(inside - cv2.erode(inside, np.ones((3, 3), np.uint8)), np.uint8)
