"""Masks that are pictures: one an object, or one with numbers or colours for all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from segmentation.data import read_dataset
from tests.inputs.annotated_photos import (
    SIZE_HW,
    overlap,
    problems,
    true_masks,
    write_masks,
    write_photo,
)


def test_a_region_of_no_class_is_ignored_for_each(tmp_path: Path) -> None:
    write_masks(tmp_path)
    (tmp_path / "masks" / "ignore").mkdir()
    cv2.imwrite(str(tmp_path / "masks" / "ignore" / "0.png"), np.ones(SIZE_HW, np.uint8))
    (first,) = read_dataset(tmp_path).photos
    ignored = [each for each in first.annotations if each.is_crowd]
    assert [each.label for each in ignored] == [0, 1]
    assert all(each.area == SIZE_HW[0] * SIZE_HW[1] for each in ignored)


def test_numbers_and_colours_of_a_mask_are_objects(tmp_path: Path) -> None:
    write_photo(tmp_path / "images" / "a.png")
    write_photo(tmp_path / "images" / "b.png", 1)
    write_photo(tmp_path / "images" / "c.png", 2)
    (tmp_path / "masks").mkdir()
    ball, crate = true_masks().values()
    numbers = np.asarray(ball + 7 * crate, np.uint16)
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), numbers)
    colours = ball[..., None] * np.uint8([200, 0, 9]) + crate[..., None] * np.uint8([0, 200, 9])
    small = cv2.resize(colours, (100, 60), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(tmp_path / "masks" / "b.png"), small)
    cv2.imwrite(str(tmp_path / "masks" / "c.png"), ball * 0)
    dataset = read_dataset(tmp_path)
    assert dataset.classes == ("object",)
    assert [len(each.annotations) for each in dataset.photos] == [2, 2, 0]
    np.testing.assert_array_equal(dataset.photos[0].masks(), [ball, crate])
    for mask, truth in zip(dataset.photos[1].masks(), (crate, ball), strict=True):
        assert overlap(mask, truth) > 0.93, "enlarged to the size of the photo"


def test_masks_tell_what_is_wrong(tmp_path: Path) -> None:
    write_masks(tmp_path, 4)
    masks = tmp_path / "masks" / "ball"
    cv2.imwrite(str(masks / "0.png"), np.zeros((50, 50), np.uint8))
    noise = np.random.default_rng(0).integers(0, 256, SIZE_HW).astype(np.uint8)
    cv2.imwrite(str(masks / "1.png"), noise)
    (masks / "2.png").write_bytes(b"")
    (masks / "3.png").rename(masks / "other.png")
    (tmp_path / "masks" / "crate" / "3.png").unlink()
    write_photo(tmp_path / "images" / "2.jpg")
    told = problems(tmp_path)
    for line in (
        "0.png: 50x50, its photo is 200x120",
        "values where each should be an object",
        "2.png: not a picture that can be read",
        "other.png: there is no photo of this name in images/",
        "3.png: has no mask",
        "2.png: has the same name as 2.jpg",
    ):
        assert line in told
