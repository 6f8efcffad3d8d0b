"""Photos of people of whom only the boxes are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools.mask")

from segmentation.errors import DataError
from segmentation.training.bundled import boxed_people
from segmentation.training.bundled.boxed_people import seen_in_boxes
from segmentation.training.bundled.portrait_photos import PersonPhotos
from tests.segmentation.training.bundled.people import BRIGHT, DARK, disc, write_people

SIZE_HW = (60, 80)
#: of its disc of radius 15 around (40, 30)
BOX = (25, 15, 56, 46)


@pytest.fixture(autouse=True)
def shown(monkeypatch) -> list[tuple[int, int]]:
    """Have a network that takes redness for the probability of a person.

    Returns the sizes of what it is shown.
    """
    sizes: list[tuple[int, int]] = []

    class Portrait:
        def segment(self, images):
            sizes.append(images.shape[1:3])

            class Found:
                def union(self):
                    return images[0, :, :, 0]

            return [Found()]

    monkeypatch.setattr(boxed_people, "portrait", Portrait)
    return sizes


def painted(mask: np.ndarray, red: int) -> np.ndarray:
    image = np.zeros((*SIZE_HW, 3), np.uint8)
    image[mask > 0, 0] = red
    return image


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_what_is_seen_in_a_box_is_a_person_and_outside_is_nobody(shown):
    image = painted(disc(40) | disc(70, 5), 255)
    people, unknown = seen_in_boxes(image, boxes(BOX))
    np.testing.assert_array_equal(people, disc(40) * np.uint8(255))
    assert not unknown.any()
    assert people.dtype == unknown.dtype == np.uint8
    # the box and a quarter of its long side around it
    assert shown == [(47, 47)]


def test_what_the_network_is_not_sure_of_nobody_knows():
    image = painted(disc(40), 140) + painted(disc(40, 8), 100)
    people, unknown = seen_in_boxes(image, boxes(BOX))
    np.testing.assert_array_equal(people > 0, disc(40, 8) > 0)
    np.testing.assert_array_equal(unknown > 0, (disc(40) > 0) & (disc(40, 8) == 0))


def test_a_box_in_which_hardly_anything_is_seen_tells_nothing_but_that():
    people, unknown = seen_in_boxes(painted(disc(40, 4), 255), boxes(BOX))
    np.testing.assert_array_equal(people > 0, disc(40, 4) > 0)
    box = np.zeros(SIZE_HW, np.bool_)
    box[15:46, 25:56] = True
    np.testing.assert_array_equal(unknown > 0, box & (people == 0))


def test_boxes_too_small_for_a_look_are_unknown(shown):
    people, unknown = seen_in_boxes(painted(disc(40), 255), boxes((38.5, 20, 45, 29)))
    assert not people.any()
    assert np.argwhere(unknown).min(axis=0).tolist() == [20, 38]
    assert np.argwhere(unknown).max(axis=0).tolist() == [28, 44]
    assert not shown


def test_photos_of_boxes_are_drawn_and_never_validated_with(tmp_path):
    folder = write_people(tmp_path / "people", ["a"] * 2)
    with_box(folder)
    photos = PersonPhotos([folder], {"a": 0.0, "boxed": 1.0})
    assert [photo.source for photo in photos.validation] == ["a"]
    photo = photos.draw(np.random.default_rng(0))
    assert photo.source == "boxed"
    assert photo.void is not None
    is_bright = (photo.image == BRIGHT).all(axis=-1)
    np.testing.assert_array_equal(photo.mask > 0, is_bright)
    assert not photo.void[(photo.image == DARK).all(axis=-1)].any()


def test_what_is_not_a_person_in_the_box_of_a_crowd_nobody_knows(tmp_path):
    folder = write_people(tmp_path / "people", ["a"] * 2)
    with_box(folder, iscrowd=1)
    photo = PersonPhotos([folder], {"a": 0.0, "boxed": 1.0}).draw(np.random.default_rng(0))
    assert photo.void is not None
    box = np.zeros(SIZE_HW, np.bool_)
    box[14:47, 10:70] = True
    np.testing.assert_array_equal(photo.void > 0, box & (photo.mask == 0))


def test_boxes_of_other_things_than_people_are_refused(tmp_path):
    folder = write_people(tmp_path / "people", ["a"] * 2)
    with_box(folder)
    file = folder / "boxes" / "boxes.json"
    file.write_text(file.read_text().replace('"name": "person"', '"name": "dog"'))
    with pytest.raises(DataError, match="has the classes dog; learned here is person alone"):
        PersonPhotos([folder], {})


def with_box(folder: Path, **more: int) -> None:
    """Put a photo of somebody of whom only the box is known beside those with masks."""
    write_people(folder / "boxes", ["boxed"])
    file = folder / "boxes" / "annotations.json"
    document = json.loads(file.read_text())
    (row,) = document["annotations"]
    del row["segmentation"]
    row |= {"bbox": [10, 14, 60, 33], **more}
    file.rename(file.with_name("boxes.json")).write_text(json.dumps(document))
