"""What masks of the portrait network are marked by."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras")

from segmentation.training.bundled.portrait_crops import pixel_weights
from segmentation.training.bundled.portrait_loss import loss
from segmentation.training.bundled.portrait_schedule import TWINS_ONE_IN


def square(left: int = 8, *, void: np.ndarray | None = None) -> np.ndarray:
    """Return targets (1, 32, 32, 3) of a square person."""
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, left : left + 16] = 255
    return np.stack([mask, pixel_weights(mask, void), mask], axis=-1)[None]


def logits_of(targets: np.ndarray, size: float = 20.0) -> np.ndarray:
    """Return logits that are sure of a mask."""
    return np.where(targets[..., :1] >= 128, size, -size).astype(np.float32)


def test_loss_falls_with_better_masks_and_stays_finite():
    target = square()
    losses = [float(loss(target, logits_of(target, size))) for size in (-1e4, -1, 0, 1, 1e4)]
    assert losses == sorted(losses, reverse=True)
    assert np.isfinite(losses).all()
    assert losses[-1] == pytest.approx(0, abs=0.02)


def test_outlines_a_few_pixels_off_cost_more_than_matched_ones():
    shifts = [float(loss(square(), logits_of(square(8 + shift), 3.0))) for shift in (0, 2, 4, 8)]
    assert shifts == sorted(shifts)
    assert shifts[1] - shifts[0] > 0.1


def test_what_nobody_knows_costs_nothing():
    void = np.zeros((32, 32), np.uint8)
    void[:, 16:] = 255
    target = square(void=void)
    right = logits_of(target)
    wrong = right.copy()
    wrong[:, :, 22:] *= -1
    # the outline's last pixels before the void know less, which is no cost either
    assert float(loss(target, wrong)) == pytest.approx(float(loss(target, right)), abs=1e-3)
    assert float(loss(square(), wrong)) > 1


def test_a_crop_without_people_is_finite():
    nobody = np.zeros((2, 32, 32, 3), np.uint8)
    nobody[..., 1] = 85
    assert float(loss(nobody, np.full((2, 32, 32, 1), -20, np.float32))) < 0.01
    unknown = np.zeros((1, 32, 32, 3), np.uint8)
    assert np.isfinite(float(loss(unknown, np.zeros((1, 32, 32, 1), np.float32))))


def test_a_twin_found_otherwise_costs_more_than_a_stranger_found_otherwise():
    targets = np.concatenate([square()] * TWINS_ONE_IN)
    right = logits_of(targets, 2.0)
    costs = {}
    for changed in (0, 1, -1):
        logits = right.copy()
        logits[changed, :4] = 1.0
        costs[changed] = float(loss(targets, logits))
    assert costs[-1] == pytest.approx(costs[0])
    assert costs[-1] > costs[1] + 0.05
    # what moved of a twin is found where it is then
    still = targets.copy()
    still[-1, :4, :, 1] = 0
    quiet, loud = (float(loss(still, logits)) for logits in (right, logits))
    assert loud == pytest.approx(quiet)
    # a lone crop has no twin
    assert np.isfinite(float(loss(square(), right[:1])))


def test_certainty_costs_more_where_a_teacher_sees_otherwise():
    agreeing, doubtful = square(), square()
    doubtful[0, 12:20, 12:20, 2] = 0
    sure = logits_of(agreeing, 5.0)
    in_doubt = sure.copy()
    in_doubt[0, 12:20, 12:20] = 0
    gains = [float(loss(each, sure) - loss(each, in_doubt)) for each in (agreeing, doubtful)]
    assert gains[0] < 0
    assert gains[1] > gains[0] + 0.05
