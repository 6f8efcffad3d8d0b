"""Heads and shoulders, not the arm's reach."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from segmentation.instances import Instances, Matte
from stream.framing.subject import subject_box


def somebody(*, arm: bool = False, at_x: int = 320, scale: float = 1.0) -> np.ndarray:
    """A person of 640x360: a head, shoulders, a chest, and maybe an arm stretched out."""
    mask = np.zeros((360, 640), np.uint8)

    def px(value: float) -> int:
        return round(value * scale)

    cv2.ellipse(mask, (at_x, 100), (px(36), px(46)), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (at_x - px(18), 120), (at_x + px(18), 170), 255, -1)
    cv2.ellipse(mask, (at_x, 100 + px(170)), (px(85), px(110)), 0, 0, 360, 255, -1)
    if arm:
        cv2.line(mask, (at_x + px(60), 230), (at_x + px(260), 60), 255, px(30))
    return mask


def test_an_arm_does_not_count() -> None:
    without = subject_box(Instances.of_mask(somebody()))
    reaching = subject_box(Instances.of_mask(somebody(arm=True)))
    assert without is not None
    assert reaching is not None
    np.testing.assert_allclose(reaching, without, atol=0.05)
    left, top, right, bottom = np.array(without) * [640, 360, 640, 360]
    assert top == pytest.approx(54, abs=14)
    assert left == pytest.approx(235, abs=20)
    assert right == pytest.approx(405, abs=20)
    assert bottom > 260


def test_legs_do_not_count() -> None:
    mask = np.zeros((360, 640), np.uint8)
    small = cv2.resize(somebody(), (240, 135))
    mask[20:155, 200:440] = small
    cv2.rectangle(mask, (295, 120), (345, 340), 255, -1)
    box = subject_box(Instances.of_mask(mask))
    assert box is not None
    assert box.bottom < 0.6


def test_two_people_are_both_seen_and_a_speck_is_not() -> None:
    both = somebody(at_x=120, scale=0.8) | somebody(at_x=520, scale=0.8)
    cv2.circle(both, (320, 20), 6, 255, -1)
    box = subject_box(Instances.of_mask(both))
    assert box is not None
    assert box.left < 0.2
    assert box.right > 0.8
    assert box.top > 0.1


def test_nobody() -> None:
    assert subject_box(Instances.empty((90, 160))) is None
    speck = np.zeros((90, 160), np.uint8)
    speck[40:43, 40:43] = 255
    assert subject_box(Instances.of_mask(speck)) is None


def test_of_a_matte() -> None:
    mask = somebody()
    assert subject_box(Instances.of_matte(Matte(mask))) == subject_box(Instances.of_mask(mask))


@pytest.mark.parametrize("size_hw", [(1, 1), (2, 300), (300, 2)])
def test_odd_frames(size_hw: tuple[int, int]) -> None:
    box = subject_box(Instances.of_mask(np.full(size_hw, 255, np.uint8)))
    assert box is None or (0 <= box.left < box.right <= 1 and 0 <= box.top < box.bottom <= 1)
