"""Augmentation of instances, on photos whose objects are known by their colour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from segmentation.data import Annotation, Photo
from segmentation.training.mask_rcnn import augment_instances as module
from segmentation.training.mask_rcnn.augment_instances import augment

COLOURS = np.array([(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250)], np.uint8)
GROUND = (124, 117, 104)  # also that of the border around a photo that shrank
Scene = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def scene(labels: list[int]) -> Scene:
    """Discs of the colours of their labels on grey; the last is a crowd, the first but a box."""
    image = np.full((120, 160, 3), GROUND, np.uint8)
    masks = np.zeros((len(labels), 120, 160), np.uint8)
    for k, label in enumerate(labels):
        cv2.circle(masks[k], (20 + 40 * k, 30 + 40 * (k % 2)), 16, 1, -1)
        image[masks[k] > 0] = COLOURS[label]
    places = np.arange(len(labels))
    return image, masks, np.array(labels, np.int32), places == len(labels) - 1, places > 0


def donor(folder: Path) -> Photo:
    """A photo of its own size with a disc of label 3, and a crowd of label 4."""
    image, masks, labels, is_crowd, _ = scene([3, 4])
    path = folder / "donor.png"
    cv2.imwrite(str(path), image[..., ::-1])
    annotations = tuple(
        Annotation.from_mask(int(label), mask, is_crowd=bool(crowd))
        for label, mask, crowd in zip(labels, masks, is_crowd, strict=True)
    )
    return Photo(path, (120, 160), annotations)


@pytest.fixture
def true_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COLOUR_SHARE", 0.0)


def colour_of(image: np.ndarray, label: int) -> np.ndarray:
    """Where the image shows the colour of a label, mixed colours at edges left out."""
    return np.abs(image.astype(int) - COLOURS[label]).max(axis=2) < 40


@pytest.mark.usefixtures("true_colours")
def test_masks_stay_on_their_objects() -> None:
    sizes = []
    for seed in range(60):
        given = scene([0, 1, 2])
        image, masks, labels, is_crowd, has_mask = augment(np.random.default_rng(seed), given)
        assert image.shape == given[0].shape
        assert image.dtype == masks.dtype == np.uint8
        assert labels.dtype == np.int32
        assert is_crowd.dtype == np.bool_
        assert masks.shape[1:] == image.shape[:2]
        assert len(masks) == len(labels) == len(is_crowd)
        np.testing.assert_array_equal(has_mask, labels > 0)
        for mask, label, crowd in zip(masks, labels, is_crowd, strict=True):
            shown = colour_of(image, label)
            assert crowd == (label == 2)
            assert np.count_nonzero(shown & (mask == 0)) <= 3
            inner = cv2.erode(mask, np.ones((5, 5), np.uint8), borderValue=1)
            assert np.count_nonzero(inner & ~shown) <= 3
            sizes.append(np.count_nonzero(mask) / np.count_nonzero(given[1][0]))
        for label in {0, 1, 2} - set(labels.tolist()):
            largest = np.count_nonzero(given[1][0]) * module.SCALES[1] ** 2
            assert np.count_nonzero(colour_of(image, label)) < module.MIN_SHARE * largest + 16
    assert min(sizes) < 0.5
    assert max(sizes) > 2.5


@pytest.mark.usefixtures("true_colours")
def test_half_of_the_photos_are_mirrored() -> None:
    mirrored = []
    for seed in range(200):
        image, _, labels, *_ = augment(np.random.default_rng(seed), scene([0, 1, 2]))
        if {0, 1} <= set(labels.tolist()):
            columns = [np.nonzero(colour_of(image, label))[1].mean() for label in (0, 1)]
            mirrored.append(columns[0] > columns[1])
    assert len(mirrored) > 100
    assert 0.35 < np.mean(mirrored) < 0.65


@pytest.mark.usefixtures("true_colours")
def test_objects_of_donors_are_pasted_in_front(tmp_path: Path) -> None:
    giver = donor(tmp_path)
    pasted = 0
    for seed in range(80):
        given = scene([0, 1, 2])
        image, masks, labels, is_crowd, _ = augment(np.random.default_rng(seed), given, [giver])
        assert 4 not in labels, "crowds are not objects to paste"
        pasted += 3 in labels
        for mask, label in zip(masks, labels, strict=True):
            inner = cv2.erode(mask, np.ones((7, 7), np.uint8), borderValue=1)
            wrong = np.count_nonzero(inner & ~colour_of(image, label))
            assert wrong <= 0.02 * np.count_nonzero(mask) + 3
        assert masks.sum(axis=0).max(initial=0) <= 1
        assert not is_crowd[labels == 3].any()
    assert 5 < pasted < 30


@pytest.mark.usefixtures("true_colours")
def test_who_is_known_by_a_box_alone_is_not_pasted(tmp_path: Path) -> None:
    giver = donor(tmp_path)
    boxed = tuple(replace(each, has_mask=False) for each in giver.annotations)
    for seed in range(80):
        given = scene([0, 1, 2])
        changed = augment(np.random.default_rng(seed), given, [replace(giver, annotations=boxed)])
        assert set(changed[2].tolist()) <= {0, 1, 2}


def test_nothing_given_is_written_to_and_chance_follows_its_seed(tmp_path: Path) -> None:
    giver = donor(tmp_path)
    given = scene([0, 1])
    before = [array.copy() for array in given]
    results = [augment(np.random.default_rng(seed), given, [giver]) for seed in (*range(30), 7)]
    for array, copy in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, copy)
    for again, first in zip(results[-1], results[7], strict=True):
        np.testing.assert_array_equal(again, first)
    assert len({result[0].tobytes() for result in results}) > 25


def test_photos_without_objects_stay_without(tmp_path: Path) -> None:
    image, masks, labels, is_crowd, has_mask = scene([0])
    for seed in range(10):
        nothing = (masks[:0], labels[:0], is_crowd[:0], has_mask[:0])
        changed = augment(np.random.default_rng(seed), (image, *nothing))
        assert [len(array) for array in changed[1:]] == [0, 0, 0, 0]


@pytest.mark.usefixtures("true_colours")
def test_an_object_of_which_shrinking_left_nothing_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "GEOMETRY_SHARE", 1.0)
    image, masks, labels, is_crowd, has_mask = scene([0, 1, 2])
    masks[1] = 0
    for seed in range(10):
        given = image, masks, labels, is_crowd, has_mask
        assert 1 not in augment(np.random.default_rng(seed), given)[2]


def test_what_is_nearly_out_of_sight_is_dropped() -> None:
    image, masks, *others = scene([0])
    masks[:] = 0
    masks[0, :, :8] = 1  # a stripe at the border, which many crops leave out
    kept = 0
    for seed in range(100):
        changed = augment(np.random.default_rng(seed), (image, masks, *others))[1]
        assert all(np.count_nonzero(mask) >= 16 for mask in changed)
        kept += len(changed)
    assert 40 < kept < 95
