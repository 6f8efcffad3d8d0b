"""Crops that the portrait network is trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("pycocotools.mask")

from segmentation.training.bundled import portrait_crops
from segmentation.training.bundled.portrait_crops import (
    PortraitCrops,
    _with_people,
    pixel_weights,
)
from segmentation.training.bundled.portrait_photos import PersonPhotos, Photo
from segmentation.training.bundled.portrait_schedule import (
    CROP_ODDS,
    CROPS_HW,
    TWINS_ONE_IN,
    Schedule,
    num_pixels,
)
from tests.segmentation.training.bundled.people import DARK, write_people

CROPS = ((64, 64), (32, 64))
#: Shares of a crop that are not what a test is about
SHARES = ("NEGATIVE", "MOVED", "PASTED", "CUTOUTS", "OCCLUDED", "HUNG", "CUT_OFF")


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> PersonPhotos:
    root = tmp_path_factory.mktemp("data")
    folder = write_people(root / "people", ["a"] * 20, cutouts=2, places=2)
    return PersonPhotos([folder], {})


@pytest.fixture
def only(monkeypatch):
    """Have one kind of change alone, in every crop."""

    def choose(*names: str) -> None:
        for name in SHARES:
            monkeypatch.setattr(portrait_crops, name, float(name in names))
        monkeypatch.setattr(portrait_crops, "change_colours", lambda image, rng: image)

    return choose


def test_batches_depend_on_their_seed_alone(photos):
    crops = PortraitCrops(photos)
    first, again, other = (crops.batch(3, CROPS, (0, step)) for step in (5, 5, 6))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
    assert first[0].dtype == first[1].dtype == np.uint8
    assert first[1].shape == (*first[0].shape[:3], 3)
    assert np.array_equal(first[1][..., 2], first[1][..., 0])


def test_the_last_crops_are_the_first_one_frame_later(photos):
    images, targets = PortraitCrops(photos).batch(4 * TWINS_ONE_IN, CROPS, (0,))
    assert np.array_equal(targets[:4, :, :, 0], targets[-4:, :, :, 0])
    moved = targets[-4:, :, :, 1] == 0
    assert 0.002 < moved.mean() < 0.5
    assert np.array_equal(targets[:4, :, :, 1][~moved], targets[-4:, :, :, 1][~moved])
    changes = np.abs(images[:4].astype(np.float32) - images[-4:]).mean(axis=(1, 2, 3))
    assert (changes > 0.1).all()
    assert (changes < 8).all()
    strangers = np.abs(images[4:8].astype(np.float32) - images[:4]).mean(axis=(1, 2, 3))
    assert (strangers > changes).all()


def test_the_mask_is_where_the_person_is(photos, only):
    only()
    for seed in range(10):
        images, targets = PortraitCrops(photos).batch(4, CROPS, (seed,))
        bright = images[..., 0] > 130
        assert np.count_nonzero(bright != (targets[..., 0] >= 128)) < 0.02 * bright.size


def test_a_teacher_sees_crops_in_their_own_colours(photos, monkeypatch):
    monkeypatch.setattr(portrait_crops, "change_colours", lambda image, rng: image // 4)
    for name in SHARES:
        monkeypatch.setattr(portrait_crops, name, 0.0)

    def teacher(image, mask, weights):
        assert np.array_equal(weights, pixel_weights(mask, None))
        return np.where(image[..., 0] > 130, 200, 10).astype(np.uint8)

    _, targets = PortraitCrops(photos, teacher).batch(2 * TWINS_ONE_IN, CROPS, (0,))
    person, taught = targets[..., 0] >= 128, targets[..., 2]
    assert (person == (taught == 200)).mean() > 0.98
    assert np.array_equal(taught[:2], taught[-2:])


def test_people_stand_before_another_place(photos, only):
    only("MOVED")
    images, targets = PortraitCrops(photos).batch(16, CROPS, (0,))
    nobody = targets[..., 0] == 0
    assert (images[nobody][:, 1] > 100).mean() > 0.98
    assert (targets[..., 0] == 255).any()


def test_nobody_is_in_a_place(photos, only):
    only("NEGATIVE")
    images, targets = PortraitCrops(photos).batch(8, CROPS, (0,))
    assert not targets[..., 0].any()
    assert (images[..., 1] > 100).all()


def test_cut_out_people_are_people(photos, only):
    only("NEGATIVE", "CUTOUTS")
    images, targets = PortraitCrops(photos).batch(16, CROPS, (0,))
    white = images.min(axis=-1) > 130
    assert white.any()
    assert np.count_nonzero(white != (targets[..., 0] >= 128)) < 0.02 * white.size


def test_people_are_cut_off_by_a_side(only):
    only("CUT_OFF")
    scene, other = (Photo(np.zeros((60, 80, 3), np.uint8), mask) for mask in np.zeros((2, 60, 80)))
    person = np.zeros((60, 80), np.uint8)
    person[:, 30:60] = 255
    rng, sides, seen, heads = np.random.default_rng(0), set(), [], []
    for _ in range(40):
        mask = _with_people(scene, replace(other, mask=person), rng, (1, 1)).mask >= 128
        bottom = mask[-1]
        assert bottom[0] != bottom[-1]
        sides.add(bool(bottom[0]))
        seen.append(bottom.sum() / 30)
        heads.append(not mask[0].any())
    assert sides == {False, True}
    assert min(seen) < 0.3
    # who is larger than the photo is cut off by its lower border, not by the upper one
    large = np.array(seen) > 0.75
    assert max(seen) <= 0.7 * 1.7
    assert large.any()
    assert np.array(heads)[large].mean() > 0.5
    assert not _with_people(scene, other, rng, (1, 1)).mask.any()


def test_what_stands_in_front_is_no_person(photos, only):
    only("OCCLUDED")
    images, targets = PortraitCrops(photos).batch(32, CROPS, (0,))
    green = (images[..., 1] > 130) & (images[..., 0] < 60)
    assert green.any()
    assert (targets[green][:, 0] < 128).mean() > 0.98
    assert (targets[..., 0] == 255).any()


def test_what_hangs_behind_people_leaves_them_as_they_are(photos, only):
    only("HUNG")
    images, targets = PortraitCrops(photos).batch(32, CROPS, (0,))
    people = targets[..., 0] == 255
    assert people.any()
    assert (images[people][:, 0] > 130).mean() > 0.99
    only()
    plain, others = PortraitCrops(photos).batch(32, CROPS, (0,))
    nobody, before = images[targets[..., 0] == 0], plain[others[..., 0] == 0]
    assert np.std(nobody, axis=0).mean() > np.std(before, axis=0).mean() + 5


def test_studio_people_are_always_moved(tmp_path, only):
    only()
    folder = write_people(tmp_path / "people", ["viton_studio"] * 3, places=1)
    images, targets = PortraitCrops(PersonPhotos([folder], {})).batch(16, CROPS, (0,))
    nobody = targets[..., 0] == 0
    assert not (np.abs(images[nobody].astype(int) - DARK).max(axis=-1) < 20).any()


def test_what_nobody_knows_weighs_nothing(tmp_path, only):
    only()
    folder = write_people(tmp_path / "people", ["a"] * 3, crowds=True)
    _, targets = PortraitCrops(PersonPhotos([folder], {})).batch(8, CROPS, (0,))
    weights = targets[..., 1]
    assert (weights == 0).any(axis=(1, 2)).sum() >= 4
    assert not targets[..., 0][weights == 0].any()


def test_outlines_weigh_three_times_as_much():
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 8:24] = 255
    weights = pixel_weights(mask, None)
    assert weights[16, 16] == weights[0, 0] == 85
    assert weights[8, 16] == weights[6, 16] == 255
    assert weights[5, 16] == weights[10, 16] == 85
    void = np.zeros((32, 32), np.uint8)
    void[:, :16] = 255
    assert not pixel_weights(mask, void)[:, :16].any()
    assert pixel_weights(mask, void)[:, 16:].all()


def test_larger_crops_come_late_and_batches_have_as_many_pixels():
    schedule = Schedule(num_steps=1000)
    sizes = [schedule.crops_of(step) for step in range(1000)]
    for index, crops_hw in enumerate(CROPS_HW):
        early, late = (
            np.mean([each == crops_hw for _, each in part]) for part in (sizes[:600], sizes[600:])
        )
        assert early == pytest.approx(CROP_ODDS[0][index], abs=0.06)
        assert late == pytest.approx(CROP_ODDS[1][index], abs=0.06)
    full = 32 * num_pixels(CROPS_HW[0])
    assert all(abs(num * num_pixels(each) - full) < 0.05 * full for num, each in sizes)
