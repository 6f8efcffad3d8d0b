"""Which photos are trained on, and with which a training is validated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras")

from segmentation.data import Annotation, Dataset, Photo
from segmentation.errors import DataError
from segmentation.training.mask_rcnn.train_mask_rcnn import parts


def drawn(*splits: str, classes: tuple[str, ...] = ("a", "b"), label: int = 1) -> Dataset:
    annotation = Annotation.from_mask(label, np.ones((4, 4), np.uint8))
    photos = [
        Photo(Path(f"{number}"), (4, 4), (annotation,), split=split)
        for number, split in enumerate(splits)
    ]
    return Dataset(classes, tuple(photos))


def splits(dataset: Dataset) -> list[str]:
    return [photo.split for photo in dataset.photos]


def test_parts_are_those_of_the_data() -> None:
    learn, validate = parts(drawn("train", "val", "test", "train", ""), None, 0)
    assert splits(learn) == ["train", "train", ""]
    assert splits(validate) == ["val"]
    learn, validate = parts(drawn("train", "test", "train", "train"), None, 0)
    assert (len(learn.photos), len(validate.photos)) == (2, 1)
    assert "test" not in splits(learn) + splits(validate)


def test_photos_of_ones_own_to_validate_with() -> None:
    other = drawn("", "", classes=("b",), label=0)
    learn, validate = parts(drawn("", "", "val"), other, 0)
    assert len(learn.photos) == 3
    assert validate.classes == ("a", "b")
    assert [photo.labels().tolist() for photo in validate.photos] == [[1], [1]]
    with pytest.raises(DataError, match="to validate with show c, which those to train on do not"):
        parts(drawn(""), drawn("", classes=("b", "c")), 0)


def test_a_part_that_shows_nothing() -> None:
    dataset = drawn("train", "val")
    empty = replace(dataset.photos[1], annotations=())
    with pytest.raises(DataError, match="no photos are left to validate with"):
        parts(replace(dataset, photos=(dataset.photos[0], empty)), None, 0)
