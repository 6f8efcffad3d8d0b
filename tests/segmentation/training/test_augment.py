"""Random changes of training photos."""

from __future__ import annotations

import cv2
import numpy as np

from segmentation.training.augment import (
    Geometry,
    change_colours,
    hanging,
    next_frame,
    occluder,
    paste,
    place_at_random,
)


def test_mask_moves_with_its_photo():
    mask = np.zeros((60, 80), np.uint8)
    cv2.circle(mask, (40, 30), 15, 255, -1)
    photo = np.where(mask[..., None] > 0, (240, 120, 40), (20, 30, 60)).astype(np.uint8)
    for seed in range(30):
        geometry = Geometry.at_random((60, 80), (48, 64), np.random.default_rng(seed))
        bright = geometry.warp(photo)[..., 0] > 130
        assert np.count_nonzero(bright != (geometry.warp(mask) >= 128)) < 0.02 * 48 * 64


def test_what_is_pasted_is_in_its_mask():
    mask = np.zeros((60, 80), np.uint8)
    cv2.circle(mask, (40, 30), 15, 255, -1)
    other = np.where(mask[..., None] > 0, (240, 120, 40), (20, 30, 60)).astype(np.uint8)
    ground = np.full((60, 80, 3), (20, 30, 60), np.uint8)
    pasted = 0
    for seed in range(20):
        place = place_at_random((60, 80), mask, np.random.default_rng(seed))
        image, front = paste(ground, other, mask, place)
        assert np.count_nonzero((image[..., 0] > 130) != (front >= 128)) < 60
        pasted += bool((front >= 128).any())
    assert pasted > 10


def test_people_far_away_are_small():
    mask = np.full((60, 80), 255, np.uint8)
    places = [
        place_at_random((120, 160), mask, np.random.default_rng(seed), (0.1, 0.3))
        for seed in range(50)
    ]
    scales = np.array([abs(place[0, 0]) for place in places])
    assert (scales >= 0.2 - 1e-9).all()
    assert (scales <= 0.6 + 1e-9).all()
    assert scales.std() > 0.05


def test_colours_change_and_stay_pictures():
    image = np.full((32, 32, 3), 100, np.uint8)
    changed = [change_colours(image, np.random.default_rng(seed)) for seed in range(60)]
    assert all(one.shape == image.shape and one.dtype == np.uint8 for one in changed)
    assert len({one.tobytes() for one in changed}) == 60
    assert (image == 100).all()


def test_occluders_cover_a_part_and_often_reach_in_from_the_border():
    shapes = [occluder((60, 80), np.random.default_rng(seed)) for seed in range(100)]
    shares = np.array([(shape > 0).mean() for shape in shapes])
    assert (shares > 0).mean() > 0.9
    assert (shares < 0.6).all()
    border = [
        shape[0].any() or shape[-1].any() or shape[:, 0].any() or shape[:, -1].any()
        for shape in shapes
    ]
    assert np.mean(border) > 0.5


def test_what_hangs_behind_people_has_few_colours_and_a_place():
    drawn = [hanging((60, 80), np.random.default_rng(seed)) for seed in range(100)]
    shares = np.array([(shape > 0).mean() for _, shape in drawn])
    assert (shares > 0).mean() > 0.9
    assert shares.mean() < 0.5
    for cloth, shape in drawn:
        assert cloth.shape == (60, 80, 3)
        assert cloth.dtype == shape.dtype == np.uint8
    assert len({cloth.tobytes() for cloth, _ in drawn}) == 100
    left = np.array([shape[0, 0] and shape[-1, 0] for _, shape in drawn]) > 0
    right = np.array([shape[0, -1] and shape[-1, -1] for _, shape in drawn]) > 0
    assert 0.3 < (left | right).mean() < 0.7


def test_what_does_not_move_is_nearly_the_same_one_frame_later():
    image = np.random.default_rng(0).integers(40, 200, (60, 80, 3), np.uint8)
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), 1), np.uint8)
    drawn = [next_frame(image, np.random.default_rng(seed)) for seed in range(40)]
    assert 0.5 < np.mean([moved.any() for _, moved in drawn]) < 0.9
    still, moving = [], []
    for later, moved in drawn:
        assert later.dtype == np.uint8
        change = np.abs(later.astype(np.float32) - image).mean(axis=2)
        assert change.any()
        still.append(change[~moved].mean())
        moving += [change[moved].mean()] if moved.any() else []
    assert max(still) < 10
    assert np.mean(moving) > 1.5 * np.mean(still)
