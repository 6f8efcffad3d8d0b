"""Where a picture of other proportions goes in a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from effects import Replace, parse_effect
from effects.placing import Placing, parse_placing, placed, split_placing
from tests.inputs.pictures import noise

#: rows 0 to 9, each of its own brightness
STRIPES = np.repeat(np.arange(10, dtype=np.uint8) * 25, 10 * 3).reshape(10, 10, 3)


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("beach.jpg", "beach.jpg", []),
        ("beach.jpg,contain", "beach.jpg", ["contain"]),
        ("a,b,left,top", "a,b", ["left", "top"]),
        ("left,right.jpg", "left,right.jpg", []),
        ("sun, sea.png,cover", "sun, sea.png", ["cover"]),
        ("contain", "contain", []),
        ("", "", []),
    ],
)
def test_a_name_with_commas_stays_one(text: str, name: str, words: list[str]) -> None:
    assert split_placing(text) == (name, words)


def test_what_stays_of_a_picture_that_covers() -> None:
    for word, first in (("top", 0), ("bottom", 125)):
        shown = placed(STRIPES, (5, 10), parse_placing([word], "cover"))
        assert shown[0, 0, 0] == first
    assert placed(STRIPES, (5, 10))[0, 0, 0] == 50


@pytest.mark.parametrize(("word", "columns"), [("left", (0, 5)), ("right", (15, 20))])
def test_all_of_a_picture_is_seen_beside_black(word: str, columns: tuple[int, int]) -> None:
    shown = placed(STRIPES + np.uint8(1), (5, 20), parse_placing(["contain", word]))
    assert shown.shape == (5, 20, 3)
    seen = np.flatnonzero(shown.any(axis=(0, 2)))
    assert (seen[0], seen[-1] + 1) == columns
    assert shown[-1, columns[0], 0] > 200, "down to its last row"


def test_without_a_scale_a_picture_is_never_larger_than_the_frame() -> None:
    assert Placing().size_of((10, 20), (100, 100)) == (10, 20)
    assert Placing().size_of((400, 200), (100, 100)) == (100, 50)


def test_words_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match=r"replace: beach.jpg,left,right: left and right cannot"):
        parse_effect("replace=beach.jpg,left,right", lambda path: STRIPES)
    with pytest.raises(ValueError, match="#RRGGBB"):
        parse_effect("replace=#102030,contain", lambda path: STRIPES)


def test_effect_places_its_background() -> None:
    opened: list[Path] = []

    def open_one(path: Path) -> NDArray[np.uint8]:
        opened.append(path)
        return np.full((10, 10, 3), 200, np.uint8)

    effect = parse_effect("replace=sea, sun.jpg,contain,left", open_one)
    shown = effect(noise((20, 40)), np.zeros((20, 40), np.uint8), 0.0)
    assert opened == [Path("sea, sun.jpg")]
    assert (shown[:, :20] == 200).all()
    assert (shown[:, 20:] == 0).all()


def test_a_background_that_may_have_changed_is_looked_at_again() -> None:
    canvas = np.zeros((10, 10, 3), np.uint8)
    effect = Replace(lambda time_s, size_hw: canvas)
    empty = np.zeros((20, 20), np.uint8)
    for value in (10, 90):
        canvas[:] = value
        assert (effect(noise((20, 20)), empty, 0.0) == value).all()
