"""From one look to another in a fifth of a second, and never the room in between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from effects import Blur, Effect, Replace
from effects.over.front import Front
from segmentation.picture import RgbPicture
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.frame import Frame
from stream.looks.look import FADE_S, Look, Staging
from stream.opening import open_run
from stream.pipeline import Pipeline
from stream.stats import Stats
from stream.yuv420 import YuvCoding, YuvPicture
from tests.stand_ins.fakes import PERSON, ROOM, MovingSquare, Oracle, square

RED, BLUE = (
    Replace(np.full((1, 1, 3), colour, np.uint8)) for colour in ((200, 10, 10), (10, 10, 200))
)


def pipeline(effect: Effect, *, fade_s: float = FADE_S, is_known: bool = True) -> Pipeline:
    network = Oracle(fails=lambda call: not is_known)
    tracker = PerFrameTracker(network, lambda error: None)
    return Pipeline(tracker, Refiner(blend=True), Look(effect), fade_s=fade_s, stats=Stats())


def frame(index: int, take: int = 0) -> Frame:
    return Frame(RgbPicture(square(index)), index, index / 25, take=take)


def corners(live: Pipeline, indices: range, take: int = 0) -> list[list[int]]:
    return [live.process(frame(index, take)).image[2, 60].tolist() for index in indices]


def test_one_look_becomes_the_other_step_by_step() -> None:
    live = pipeline(RED)
    assert corners(live, range(3)) == [[200, 10, 10]] * 3
    live.look = replace(live.look, effect=BLUE)
    changing = corners(live, range(3, 7))
    reds = [red for red, _, _ in changing]
    assert reds == sorted(reds, reverse=True)
    assert len({200, 10, *reds}) == 6
    assert all(red + blue == pytest.approx(210, abs=2) for red, _, blue in changing)
    assert corners(live, range(7, 9)) == [[10, 10, 200]] * 2


def test_meanwhile_the_person_is_where_they_are() -> None:
    live = pipeline(RED)
    live.process(frame(0))
    live.look = replace(live.look, effect=BLUE)
    for index in range(1, 5):
        assert (live.process(frame(index)).image[20:28, 14 + index : 22 + index] == PERSON).all()


@pytest.mark.parametrize("change", [{"effect": BLUE}, {"effect": Blur(1.0)}, {"invert": True}])
@pytest.mark.parametrize("is_known", [True, False])
def test_the_room_is_never_seen(change: dict[str, object], is_known: bool) -> None:
    live = pipeline(RED, is_known=is_known)
    live.process(frame(0))
    live.look = replace(live.look, **change)  # type: ignore[arg-type]
    for index in range(1, 5):
        image = live.process(frame(index)).image
        assert not (image == ROOM).all(axis=2).any()
        if not is_known:
            assert not (image == PERSON).all(axis=2).any()


def test_a_change_of_a_change_takes_no_longer() -> None:
    live = pipeline(RED)
    live.process(frame(0))
    for index in range(1, 5):
        live.look = replace(live.look, effect=Blur(index / 10))
        live.process(frame(index))
    live.look = replace(live.look, effect=BLUE)
    live.process(frame(5))
    assert corners(live, range(11, 12)) == [[10, 10, 200]]


def test_another_camera_is_not_mixed_with_the_one_before() -> None:
    live = pipeline(RED)
    live.process(frame(0))
    live.look = replace(live.look, effect=BLUE)
    assert corners(live, range(1, 3), take=1) == [[10, 10, 200]] * 2


def test_at_once_where_no_time_is_given() -> None:
    live = pipeline(RED, fade_s=0.0)
    live.process(frame(0))
    live.look = replace(live.look, effect=BLUE)
    assert corners(live, range(1, 2)) == [[10, 10, 200]]


def test_planes_stay_planes_and_the_front_comes_gently() -> None:
    live = pipeline(Blur())

    def shown(index: int) -> YuvPicture:
        picture = YuvPicture.of_rgb(square(index), YuvCoding("bt709"))
        found = live.process(Frame(picture, index, index / 25)).picture
        assert isinstance(found, YuvPicture)
        return found

    before = int(shown(0).planes[0][24, 50])
    front = Front(np.full((48, 64, 4), 255, np.uint8))
    live.look = replace(live.look, staging=Staging(front=front))
    lumas = [before, *(int(shown(index).planes[0][24, 50]) for index in range(1, 8))]
    assert lumas == sorted(lumas)
    assert lumas[-1] == 235
    assert max(np.diff(lumas)) < 0.5 * (235 - before)


def test_runs_of_videos_have_it_and_photos_do_not() -> None:
    for fps, fade_s in (("same", FADE_S), (None, 0.0)):
        source = MovingSquare(1)
        if fps is None:
            source.info = replace(source.info, fps=None)
        with open_run(source, segmenter=Oracle()) as run:
            assert run.pipeline._fade_s == fade_s
