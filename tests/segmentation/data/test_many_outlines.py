"""Outlines drawn together are those drawn one by one, and what is odd is left to a closer look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation.data import read_dataset
from segmentation.data.parts.dataset import Annotation
from segmentation.data.parts.many_outlines import Drawn, draw_ordinary
from segmentation.data.parts.shapes import encode_outlines, polygon
from tests.inputs.annotated_photos import SIZE_HW, write_coco


def some_outlines(rng: np.random.Generator) -> list[list[float]]:
    """Return one to three outlines around some place, which may reach over the border."""
    outlines = []
    for _ in range(int(rng.integers(1, 4))):
        middle, spread = rng.uniform((0, 0), SIZE_HW[::-1]), rng.uniform(0.1, 30)
        corners = middle + spread * rng.standard_normal((int(rng.integers(3, 9)), 2))
        outlines.append(corners.round(1).ravel().tolist())
    return outlines


def by_itself(outlines: list[list[float]]) -> Annotation | str | None:
    try:
        rle = encode_outlines([polygon(values) for values in outlines], SIZE_HW)
    except ValueError:
        return None
    return "speck" if rle is None else Annotation.from_rle(0, rle)


def has_flat_outline(outlines: list[list[float]]) -> bool:
    return any(not np.ptp(np.reshape(each, (-1, 2)), axis=0).all() for each in outlines)


def test_they_are_what_each_is_by_itself() -> None:
    rng = np.random.default_rng(0)
    shapes = [some_outlines(rng) for _ in range(700)]
    shapes[5:7] = [[[value, 0.5, value, 0.7, value + 0.2, 0.7]] for value in (9.1, 30.1)]
    wanted = [by_itself(shape) for shape in shapes]
    num = 0
    drawn_together = draw_ordinary(shapes, SIZE_HW)
    for shape, drawn, annotation in zip(shapes, drawn_together, wanted, strict=True):
        if not isinstance(annotation, Annotation):
            assert drawn == annotation
        elif drawn is not None or not has_flat_outline(shape):
            assert isinstance(drawn, Drawn)
            assert drawn.rle == annotation.rle
            assert drawn.area == annotation.area
            np.testing.assert_array_equal(drawn.box, annotation.box)
            num += 1
    assert 300 < num < 700, "some reach too far beyond the photo"
    assert wanted.count("speck") >= 2


GOOD = [10, 10, 60, 10, 60.5, 50]


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "polygon",
        [],
        [[]],
        {"size": [1, 1], "counts": [1]},
        [[[10, 10], [60, 10], [60, 50]]],
        [GOOD, [10, 10, 60, 10, 60]],
        [GOOD, [10, 10, 60, 10, 10, 10]],
        [GOOD, [10, 10, 60, 10, 90, 10]][1:],
        [[*GOOD[:5], None]],
        [[*GOOD[:5], float("nan")]],
        [[*GOOD[:5], 10**400]],
        [[*GOOD[:5], "x"]],
        [[*GOOD[:5], 5000]],
        [[value - 1000 for value in GOOD]],
        [[10, 10, 190, 10] * 500 + [60, 50]],
    ],
)
def test_what_is_odd_is_left_to_a_closer_look_and_hurts_no_other(odd: Any) -> None:
    good, left = draw_ordinary([[GOOD], odd], SIZE_HW)
    assert isinstance(good, Drawn)
    assert left is None


@pytest.mark.parametrize(
    "other",
    [
        [GOOD, GOOD],
        GOOD,
        [str(value) for value in GOOD],
        [[10, 10], [60, 10], [60.5, 50]],
    ],
)
def test_what_is_written_otherwise_is_the_same(other: Any) -> None:
    one, same = draw_ordinary([[GOOD], other], SIZE_HW)
    assert isinstance(one, Drawn)
    assert isinstance(same, Drawn)
    assert one.rle == same.rle


def test_an_ordinary_file_needs_no_closer_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object) -> None:
        pytest.fail("each outline was looked at by itself")

    write_coco(tmp_path, 3)
    before = [photo.masks() for photo in read_dataset(tmp_path).photos]
    monkeypatch.setattr("segmentation.data.coco_dataset._outlines", look)
    for photo, masks in zip(read_dataset(tmp_path).photos, before, strict=True):
        np.testing.assert_array_equal(photo.masks(), masks)
