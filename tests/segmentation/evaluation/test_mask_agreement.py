"""Measures of masks."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.evaluation.mask_agreement import boundary_f, intersection_over_union


def box(left: int, right: int) -> np.ndarray:
    mask = np.zeros((100, 200), bool)
    mask[20:80, left:right] = True
    return mask


def test_iou():
    assert intersection_over_union(box(0, 100), box(50, 150)) == pytest.approx(1 / 3)
    assert intersection_over_union(box(0, 0), box(0, 0)) == 1
    assert intersection_over_union(box(0, 0), box(0, 9)) == 0


def test_boundary_f_forgives_a_shift_within_its_reach_and_no_more():
    assert boundary_f(box(40, 120), box(40, 120)) == 1
    assert boundary_f(box(40, 120), box(42, 122)) == 1
    far = boundary_f(box(40, 120), box(60, 140))
    assert 0.1 < far < 0.8, "the long sides still lie on each other in part"
    assert boundary_f(box(0, 0), box(40, 120)) == 0
    assert boundary_f(box(0, 0), box(0, 0)) == 1
