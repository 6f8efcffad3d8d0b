"""Training of the portrait network, on a handful of drawn people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

keras = pytest.importorskip("keras")
rle = pytest.importorskip("pycocotools.mask")

from segmentation.errors import DataError, WeightsError  # noqa: E402
from segmentation.portrait.network import build  # noqa: E402
from segmentation.training import training_log, training_run, training_state  # noqa: E402
from segmentation.training.augment import Geometry, add_person, change_colours  # noqa: E402
from segmentation.training.bundled import train_portrait as training  # noqa: E402
from segmentation.training.bundled.portrait_photos import PersonPhotos, Photo, read_photos  # noqa: E402
from segmentation.training.photo_sources import HOLD_OUT  # noqa: E402
from segmentation.weights.ordered_weights import read_weights  # noqa: E402

CROPS_HW = ((64, 64), (32, 64))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Eighty photos of bright discs on dark ground, in COCO layout, from two sources."""
    root = tmp_path_factory.mktemp("people")
    (root / "images").mkdir()
    person = {"id": 1, "name": "person"}
    document: dict[str, list[Any]] = {"images": [], "annotations": [], "categories": [person]}
    rng = np.random.default_rng(0)
    for index in range(2 * HOLD_OUT):
        mask = np.zeros((60, 80), np.uint8)
        cv2.circle(mask, (int(rng.integers(20, 60)), 30), 15, 1, -1)
        image = np.where(mask[..., None] > 0, (240, 120, 40), (20, 30, 60)).astype(np.uint8)
        cv2.imwrite(str(root / "images" / f"{index}.png"), image[..., ::-1])
        encoded = rle.encode(np.asfortranarray(mask))
        segmentation = {"size": encoded["size"], "counts": encoded["counts"].decode()}
        source = "a" if index % 2 else "b"
        document["images"].append({"id": index, "file_name": f"{index}.png", "source": source})
        document["annotations"].append(
            {"id": index, "image_id": index, "category_id": 1, "segmentation": segmentation}
        )
    (root / "annotations.json").write_text(json.dumps(document))
    return root


def test_photos_are_read_rgb_and_some_are_held_out(folder):
    photos = PersonPhotos([folder], {"a": 1.0, "b": 0.0})
    assert len(photos) == 2 * HOLD_OUT - 2
    assert len(photos.validation) == 2
    photo = photos.draw(np.random.default_rng(0))
    assert (photo.image[photo.mask > 0] == (240, 120, 40)).all()
    read = read_photos(folder)
    drawn = photos.draw(np.random.default_rng(1))
    assert any(np.array_equal(drawn.image, each.image) for each in read if each.source == "a")


def test_mask_moves_with_its_photo(folder):
    photos = PersonPhotos([folder], {})
    for seed in range(30):
        rng = np.random.default_rng(seed)
        photo = photos.draw(rng)
        geometry = Geometry.at_random((60, 80), (48, 64), rng)
        image, mask = geometry.warp(photo.image), geometry.warp(photo.mask)
        bright = image[..., 0] > 130
        assert np.count_nonzero(bright != (mask >= 128)) < 0.02 * 48 * 64


def test_pasted_person_is_in_the_mask(folder):
    photos = PersonPhotos([folder], {})
    ground = np.full((60, 80, 3), (20, 30, 60), np.uint8)
    pasted = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        other = photos.draw(rng)
        image, mask = add_person(ground, np.zeros((60, 80), np.uint8), other.image, other.mask, rng)
        assert np.count_nonzero((image[..., 0] > 130) != (mask >= 128)) < 60
        pasted += bool((mask >= 128).any())
    assert pasted > 10


def test_colours_change_and_stay_pictures():
    image = np.full((32, 32, 3), 100, np.uint8)
    changed = [change_colours(image, np.random.default_rng(seed)) for seed in range(60)]
    assert all(one.shape == image.shape and one.dtype == np.uint8 for one in changed)
    assert len({one.tobytes() for one in changed}) == 60
    assert (image == 100).all()


def test_batches_depend_on_their_seed_alone(folder):
    photos = PersonPhotos([folder], {})
    first, again, other = (photos.batch(3, CROPS_HW, (0, step)) for step in (5, 5, 6))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_run_that_was_killed_equals_one_that_was_not(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "EPOCH_STEPS", 3)
    monkeypatch.setattr(training_run, "CHECKPOINT_EVERY_S", 0)
    monkeypatch.setattr(training_log, "REPORT_EVERY_S", 0)
    monkeypatch.setattr(training_state, "AVERAGE_EVERY", 2)
    monkeypatch.setattr(training, "SMALL_CROPS_HW", ((32, 64),))
    monkeypatch.setattr(training.portrait, "SIZES_HW", ((64, 64),))
    schedule = training.Schedule(num_steps=7, batch_size=2)
    whole = training.train_portrait([folder], tmp_path / "whole", schedule, lambda line: None)

    class Killed(Exception):
        pass

    def kill(line: str) -> None:
        if line.startswith("step 5 "):
            raise Killed

    with pytest.raises(Killed):
        training.train_portrait([folder], tmp_path / "killed", schedule, kill)
    lines: list[str] = []
    resumed = training.train_portrait([folder], tmp_path / "killed", schedule, lines.append)
    assert lines[0] == "goes on after step 4"
    for left, right in zip(read_weights(whole), read_weights(resumed), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-5)
    for name, num in (("steps.csv", 7), ("epochs.csv", 3)):
        one, other = (
            np.loadtxt(tmp_path / run / name, delimiter=",", skiprows=1)
            for run in ("whole", "killed")
        )
        assert len(one) == num
        np.testing.assert_allclose(other, one, rtol=1e-5)
    with pytest.raises(ValueError, match="go on with that"):
        training.train_portrait([folder], tmp_path / "whole", training.Schedule(), lines.append)


def test_photos_of_any_aspect_are_validated(monkeypatch):
    monkeypatch.setattr(training.portrait, "SIZES_HW", ((64, 32), (32, 64)))
    photos = [
        Photo(np.zeros((*size_hw, 3), np.uint8), np.full(size_hw, 255, np.uint8))
        for size_hw in ((40, 60), (60, 40), (30, 70))
    ]
    weights = build((64, 64)).get_weights()
    weights[-1] = np.full(1, 50, np.float32)  # the last bias: everything is a person
    assert training._validate(weights, photos) == 1


def test_loss_falls_with_better_masks_and_stays_finite():
    target = np.zeros((1, 32, 32, 1), np.uint8)
    target[:, 8:24, 8:24] = 255
    sign = np.where(target > 0, 1.0, -1.0).astype(np.float32)
    losses = [float(training.loss(target, factor * sign)) for factor in (-1e4, -1, 0, 1, 1e4)]
    assert losses == sorted(losses, reverse=True)
    assert np.isfinite(losses).all()
    assert losses[-1] == pytest.approx(0, abs=1e-3)


def test_bad_data_and_weights_are_one_line(tmp_path):
    with pytest.raises(DataError, match="no annotations in it"):
        read_photos(tmp_path)
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((4, 4, 3), np.uint8))
    document = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": []}
    (tmp_path / "annotations.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match="no photo has a person"):
        read_photos(tmp_path)
    np.savez(tmp_path / "hostile.npz", arr_0=np.array([{}], object))
    with pytest.raises(WeightsError, match=r"hostile\.npz: not a file of portrait weights"):
        read_weights(tmp_path / "hostile.npz")
