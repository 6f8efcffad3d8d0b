"""Outlines drawn together are those drawn one by one, and what is odd is left to a closer look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation.data import read_dataset
from segmentation.data.parts.dataset import Annotation
from segmentation.data.parts.many_outlines import draw_ordinary
from segmentation.data.parts.shapes import encode_outlines, polygon
from tests.annotated_photos import SIZE_HW, write_coco


def some_outlines(rng: np.random.Generator) -> list[list[float]]:
    """Return one to three outlines around some place, which may reach over the border."""
    outlines = []
    for _ in range(int(rng.integers(1, 4))):
        middle, spread = rng.uniform((0, 0), SIZE_HW[::-1]), rng.uniform(0.1, 30)
        corners = middle + spread * rng.standard_normal((int(rng.integers(3, 9)), 2))
        outlines.append(corners.round(1).ravel().tolist())
    return outlines


def by_itself(outlines: list[list[float]]) -> Annotation | None:
    try:
        rle = encode_outlines([polygon(values) for values in outlines], SIZE_HW)
    except ValueError:
        return None
    return None if rle is None else Annotation.from_rle(0, rle)


def test_they_are_what_each_is_by_itself() -> None:
    rng = np.random.default_rng(0)
    shapes = [some_outlines(rng) for _ in range(700)]
    wanted = [by_itself(shape) for shape in shapes]
    num = 0
    for drawn, annotation in zip(draw_ordinary(shapes, SIZE_HW), wanted, strict=True):
        assert (drawn is None) == (annotation is None)
        if drawn is not None and annotation is not None:
            assert drawn.rle == annotation.rle
            assert drawn.area == annotation.area
            np.testing.assert_array_equal(drawn.box, annotation.box)
            num += 1
    assert 300 < num < 700, "some reach too far beyond the photo"


GOOD = [10, 10, 60, 10, 60.5, 50]


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "polygon",
        [],
        [[]],
        GOOD,
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
        [[10, 10, 10.1, 10, 10.1, 10.1]],
    ],
)
def test_what_is_odd_is_left_to_a_closer_look_and_hurts_no_other(odd: Any) -> None:
    alone, one = draw_ordinary([[GOOD], [GOOD, GOOD]], SIZE_HW)
    assert alone is not None
    assert one is not None
    assert alone.rle == one.rle
    drawn = draw_ordinary([[GOOD], odd], SIZE_HW)
    assert drawn[1] is None
    assert drawn[0] is None or drawn[0].rle == alone.rle


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
