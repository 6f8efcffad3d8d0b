"""Data sets written as COCO: what other programs see in them, and what is read again."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segmentation.data import read_dataset
from segmentation.data.coco_writer import write_coco as write_as_coco
from segmentation.errors import PictureError
from tests.inputs.annotated_photos import edit, write_coco, write_masks

TURNED, MIRRORED = 6, 2


def write_turned(path: Path, orientation: int) -> None:
    """Replace a photo by one that looks the same, its pixels turned and EXIF saying so."""
    back = {TURNED: Image.Transpose.ROTATE_90, MIRRORED: Image.Transpose.FLIP_LEFT_RIGHT}
    exif = Image.Exif()
    exif[0x112] = orientation
    with Image.open(path) as image:
        stored = image.transpose(back[orientation])
    stored.save(path, exif=exif)


@pytest.mark.parametrize("orientation", [TURNED, MIRRORED])
def test_turned_photos_are_seen_alike_by_all(orientation: int, tmp_path: Path) -> None:
    write_coco(tmp_path / "data", 2)
    write_turned(tmp_path / "data" / "images" / "0.png", orientation)
    dataset = read_dataset(tmp_path / "data")
    write_as_coco(dataset, tmp_path / "coco")
    again = read_dataset(tmp_path / "coco", strict=True)
    for old, new in zip(dataset.photos, again.photos, strict=True):
        with Image.open(new.path) as seen:  # which heeds no EXIF
            np.testing.assert_array_equal(np.asarray(seen), old.image())
    assert again.photos[1].path.samefile(dataset.photos[1].path)


def test_a_photo_that_vanishes_meanwhile_is_one_line(tmp_path: Path) -> None:
    dataset = read_dataset(write_coco(tmp_path / "data", 2))
    photo = tmp_path / "data" / "images" / "1.png"
    photo.unlink()
    with pytest.raises(PictureError, match=rf"^{re.escape(str(photo))}: cannot be read any more"):
        write_as_coco(dataset, tmp_path / "coco")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def _restart(document: dict[str, Any]) -> None:
    document["images"][0]["id"] = 0
    for row in document["annotations"]:
        row["image_id"] = 0


def test_each_part_keeps_its_numbers(tmp_path: Path) -> None:
    for name in ("train", "valid"):
        edit(write_coco(tmp_path / "data" / name) / "annotations.json", _restart)
    write_as_coco(read_dataset(tmp_path / "data"), tmp_path / "coco")
    for name in ("train", "val"):
        file = tmp_path / "coco" / "annotations" / f"instances_{name}.json"
        assert [row["id"] for row in json.loads(file.read_text())["images"]] == [0]


def test_a_box_that_is_not_that_of_the_mask_does_not_bar_the_way_back(tmp_path: Path) -> None:
    # a spike thinner than a pixel belongs to the box, and covers nothing
    outline = [10, 10, 30, 10, 30, 20, 90, 20.01, 30, 20.02, 10, 30]

    def draw(document: dict[str, Any]) -> None:
        document["annotations"][0].update(segmentation=[outline], bbox=[10, 10, 80, 20])

    edit(write_coco(tmp_path / "data") / "annotations.json", draw)
    dataset = read_dataset(tmp_path / "data", strict=True)
    np.testing.assert_array_equal(dataset.photos[0].annotations[0].box, [10, 10, 90, 30])
    write_as_coco(dataset, tmp_path / "coco")
    again = read_dataset(tmp_path / "coco", strict=True)
    np.testing.assert_array_equal(again.photos[0].masks(), dataset.photos[0].masks())
    write_as_coco(again, tmp_path / "again")
    files = [tmp_path / name / "annotations.json" for name in ("coco", "again")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_coordinates_are_as_they_were(tmp_path: Path) -> None:
    box = [73.66, 64.75, 40.1, 38.39]  # as COCO has them, with two places
    outline = [73.66, 64.75, 113.76, 64.75, 113.76, 103.14, 73.66, 103.14]

    def draw(document: dict[str, Any]) -> None:
        document["annotations"][0].update(segmentation=[outline], bbox=box)

    edit(write_coco(tmp_path / "data") / "annotations.json", draw)
    write_as_coco(read_dataset(tmp_path / "data", strict=True), tmp_path / "coco")
    document = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    assert document["annotations"][0]["bbox"] == box


def test_photos_of_no_part_are_learnt_from(tmp_path: Path) -> None:
    """As `train` does."""
    write_coco(tmp_path / "data", 3)
    dataset = read_dataset(tmp_path / "data")
    photos = [
        replace(photo, split=split)
        for photo, split in zip(dataset.photos, ("test", "", "val"), strict=True)
    ]
    write_as_coco(replace(dataset, photos=tuple(photos)), tmp_path / "coco")
    again = read_dataset(tmp_path / "coco", strict=True)
    assert {photo.path.name: photo.split for photo in again.photos} == {
        "0.png": "test",
        "1.png": "train",
        "2.png": "val",
    }


def test_names_that_are_no_unicode_are_read_again(tmp_path: Path) -> None:
    if os.name == "nt" or sys.platform == "darwin":
        pytest.skip("names of files are Unicode here")
    name = os.fsdecode(b"b\xe9\xc3\xa9.png")
    folder = write_masks(tmp_path / "data")
    for photo in (folder / "images", *(folder / "masks").iterdir()):
        (photo / "0.png").rename(photo / name)
    write_as_coco(read_dataset(folder, strict=True), tmp_path / "coco")
    file = tmp_path / "coco" / "annotations.json"
    assert json.loads(file.read_text(encoding="utf-8"))["images"][0]["file_name"] == name
    (again,) = read_dataset(tmp_path / "coco", strict=True).photos
    assert again.path == tmp_path / "coco" / "images" / name
    assert len(again.annotations) == 2
