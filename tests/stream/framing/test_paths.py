"""Crops that follow people, from boxes alone: of files and live."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from stream.framing import ahead
from stream.framing.ahead import Ahead, Known, num_ahead
from stream.framing.crop import MIN_SIZE, WHOLE, Box, Crop
from stream.framing.following import Following

FPS = 30
Path = Callable[[Sequence[Box | None]], list[Crop]]


def of_file(boxes: Sequence[Box | None], num: int = 64) -> list[Crop]:
    path = Ahead(num)
    crops = [crop for box in boxes for crop in path.push(Known(box, True, True))]
    return crops + path.finish()


def live(boxes: Sequence[Box | None]) -> list[Crop]:
    path = Following()
    return [
        path.crop(box, index / FPS, 0, is_known=True, is_wanted=True)
        for index, box in enumerate(boxes)
    ]


def at(x: float, y: float = 0.5, width: float = 0.16, height: float = 0.25) -> Box:
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def walk(num: int = 300) -> list[Box]:
    """Still, to the right, still, back and down, still."""
    t = np.arange(num) / num
    x = np.interp(t, [0, 0.2, 0.4, 0.6, 0.85, 1], [0.3, 0.3, 0.7, 0.7, 0.25, 0.25])
    y = np.interp(t, [0, 0.6, 0.85, 1], [0.4, 0.4, 0.6, 0.6])
    wobble = 0.004 * np.sin(np.arange(num) * 1.7)
    return [at(*place) for place in zip(x + wobble, y - wobble, strict=True)]


def steps(crops: Sequence[Crop]) -> np.ndarray:
    sides = np.array([crop.box for crop in crops])
    return np.abs(np.diff(sides, axis=0)).max(axis=1)


@pytest.mark.parametrize("path", [of_file, live])
def test_somebody_who_walks_stays_in_the_picture_and_nothing_jumps(path: Path) -> None:
    boxes = walk()
    crops = path(boxes)
    assert len(crops) == len(boxes)
    for index, (box, crop) in enumerate(zip(boxes, crops, strict=True)):
        assert crop.holds(box), index
        within = crop.box
        assert min(within) >= 0
        assert max(within) <= 1 + 1e-9
    assert steps(crops).max() <= 0.01
    # where there is no time to lose, live, less softly
    most = 0.002 if path is of_file else 0.0035
    assert np.abs(np.diff(steps(crops))).max() < most, "it moves off and halts softly"
    assert min(crop.size for crop in crops) < 0.7


@pytest.mark.parametrize("path", [of_file, live])
def test_while_somebody_is_still_the_crop_does_not_move(path: Path) -> None:
    wobble = np.random.default_rng(1).normal(0, 0.003, (400, 2)).clip(-0.01, 0.01)
    crops = path([at(0.4 + x, 0.5 + y) for x, y in wobble])
    assert len(set(crops[150:])) == 1


def test_small_movements_stay_in_the_dead_zone_and_large_ones_do_not() -> None:
    crops = live([at(0.5)] * 150 + [at(0.53)] * 150 + [at(0.62)] * 150)
    assert crops[149] == crops[299]
    assert crops[-1].x > crops[299].x + 0.05
    assert crops[-1] == crops[-30], "and then it rests"


@pytest.mark.parametrize("path", [of_file, live])
def test_there_is_room_over_the_head(path: Path) -> None:
    crop = path([at(0.5, 0.55, 0.2, 0.3)] * 300)[-1]
    assert 0.08 < (0.4 - crop.y) / crop.size < 0.2
    assert crop.x + crop.size / 2 == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("path", [of_file, live])
def test_who_fills_the_frame_or_nobody_has_all_of_it(path: Path) -> None:
    assert set(path([Box(0.2, 0.02, 0.8, 1.0)] * 100)) == {WHOLE}
    assert set(path([None] * 100)) == {WHOLE}
    assert path([at(0.5)] * 100 + [None] * 300)[-1] == WHOLE


def test_a_camera_without_a_mask_keeps_its_crop() -> None:
    path = Following()
    for index in range(200):
        crop = path.crop(at(0.3), index / FPS, 0, is_known=True, is_wanted=True)
    for index in range(200, 400):
        later = path.crop(None, index / FPS, 0, is_known=False, is_wanted=True)
    assert later == crop != WHOLE


def test_switched_on_and_off_it_comes_and_goes_without_a_jump() -> None:
    path = Following()
    crops = [
        path.crop(at(0.3), index / FPS, 0, is_known=True, is_wanted=50 <= index < 250)
        for index in range(500)
    ]
    assert set(crops[:50]) == {WHOLE}
    assert crops[249].size == MIN_SIZE
    assert crops[-1] == WHOLE
    assert steps(crops).max() <= 0.01


def test_somebody_who_comes_in_is_waited_for_by_a_file_and_brought_in_live() -> None:
    boxes = [at(0.25)] * 150 + [at(0.25).with_other(at(0.85))] * 150
    crops = of_file(boxes)
    assert all(crop.holds(box) for crop, box in zip(crops, boxes, strict=True))
    assert steps(crops).max() <= 0.01
    crops = live(boxes)
    assert crops[-1].holds(boxes[-1])
    assert steps(crops).max() <= 0.01


@pytest.mark.parametrize("num", [0, 1, 7, 20, 64])
def test_where_less_fits_into_memory_crops_are_larger_and_as_calm(num: int) -> None:
    boxes = [at(0.2)] * 100 + [at(0.8)] * 100
    crops = of_file(boxes, num)
    assert len(crops) == len(boxes)
    assert steps(crops).max() <= 0.01
    assert all(crop.holds(box) for crop, box in zip(crops, boxes, strict=True))


def test_how_many_frames_fit() -> None:
    assert num_ahead(1280 * 720 * 3 // 2) == ahead.MOST_AHEAD
    assert 20 < num_ahead(3840 * 2160 * 3 // 2) < ahead.MOST_AHEAD


def test_after_the_end_a_stream_begins_anew() -> None:
    path = Ahead(8)
    for index in range(20):
        path.push(Known(at(0.2 + index / 100), True, True))
    path.finish()
    for _ in range(9):
        crops = path.push(Known(at(0.8), True, True))
    assert crops == [Crop.around(at(0.8), path._min_size)]
