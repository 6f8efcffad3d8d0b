"""The pipeline: effects fall on what is not foreground, and on everything without a mask."""

from __future__ import annotations

import numpy as np
import pytest

from effects import Blur, Cutout, Grey, Mask, Replace
from segmentation.picture import RgbPicture
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.frame import Frame
from stream.looks.look import Look
from stream.pipeline import Pipeline, shrunk
from stream.stats import Stats
from tests.stand_ins.fakes import PERSON, ROOM, HoldsBack, Oracle, square

BEACH = np.full((1, 1, 3), (10, 20, 250), np.uint8)


def make(effect, segmenter=None, *, invert=False, live=False, errors=None, max_input=None):
    on_failure = (errors if errors is not None else []).append if live else None
    tracker = PerFrameTracker(segmenter or Oracle(), on_failure)
    return Pipeline(
        tracker,
        Refiner(blend=True),
        Look(effect, invert),
        max_input=max_input,
        stats=Stats(),
    )


def frame(index: int, **more) -> Frame:
    return Frame(RgbPicture(square(index)), index, index / 25, **more)


def test_background_is_replaced_and_the_person_kept():
    output = make(Replace(BEACH)).process(frame(0))
    assert (output.image[20:28, 14:22] == PERSON).all()
    assert (output.image[:8] == BEACH).all()
    assert output.alpha is not None
    assert output.instances is not None


def test_invert_replaces_the_person():
    output = make(Replace(BEACH), invert=True).process(frame(0))
    assert (output.image[20:28, 14:22] == BEACH).all()
    assert (output.image[:8] == ROOM).all()


def room_visible(image: np.ndarray) -> bool:
    """Whether any pixel is the room's, or the person's, own."""
    colours = image[..., :3].reshape(-1, 3)
    shown = colours if image.shape[2] == 3 else colours[image[..., 3].ravel() > 0]
    return bool(((shown == ROOM).all(axis=1) | (shown == PERSON).all(axis=1)).any())


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("effect", [Replace(BEACH), Mask(), Cutout(), Grey()])
def test_nothing_is_shown_while_the_network_fails(effect, invert):
    errors: list[Exception] = []
    segmenter = Oracle(fails=lambda call: call in (0, 2, 3))
    live = make(effect, segmenter, invert=invert, live=True, errors=errors)
    outputs = [live.process(frame(index)) for index in range(5)]
    for index in (0, 2, 3):
        assert not room_visible(outputs[index].image)
        assert outputs[index].alpha is None
        assert outputs[index].instances is None
    assert [str(error) for error in errors] == ["the network broke"] * 3
    for index in (1, 4):
        assert outputs[index].alpha is not None


@pytest.mark.parametrize("invert", [False, True])
def test_blur_covers_the_whole_frame_while_the_network_fails(invert):
    live = make(Blur(1.0), Oracle(fails=lambda call: True), invert=invert, live=True)
    sharp = frame(0)
    image = live.process(sharp).image
    whole = Blur(1.0)(sharp.image, np.zeros((48, 64), np.uint8), 0.0)
    assert (image == whole).all()
    assert not (image[20:28, 14:22] == PERSON).all()


def test_nothing_found_is_not_the_same_as_no_mask():
    empty_room = Frame(RgbPicture(np.full((48, 64, 3), ROOM, np.uint8)), 0, 0.0)
    output = make(Mask(), invert=True).process(empty_room)
    assert output.instances is not None
    assert len(output.instances) == 0
    assert (output.image == 255).all()


def test_restart_forgets_the_mask_before():
    again = make(Mask())
    again.process(frame(0))
    fresh = make(Mask()).process(frame(25)).image
    assert (again.process(frame(25, take=1)).image == fresh).all()


def test_mask_after_a_failure_owes_nothing_to_the_one_before_it():
    live = make(Mask(), Oracle(fails=lambda call: call == 1), live=True)
    live.process(frame(0))
    live.process(frame(1))
    assert (live.process(frame(25)).image == make(Mask()).process(frame(25)).image).all()


def test_network_sees_no_more_than_it_needs_and_alpha_has_the_frame_size():
    segmenter = Oracle()
    output = make(Mask(), segmenter, max_input=32).process(frame(0))
    assert segmenter.seen[0].shape == (24, 32, 3)
    assert output.image.shape == (48, 64, 3)


def test_shrunk_never_enlarges():
    picture = RgbPicture(np.zeros((30, 90, 3), np.uint8))
    assert shrunk(picture, 200) is picture.rgb
    assert shrunk(picture, None) is picture.rgb
    assert shrunk(picture, 45).shape == (15, 45, 3)
    assert shrunk(RgbPicture(np.zeros((1, 900, 3), np.uint8)), 90).shape == (1, 90, 3)


def test_only_chosen_instances_are_foreground_and_given_on():
    pipeline = Pipeline(
        PerFrameTracker(Oracle()),
        Refiner(blend=True),
        Look(Mask(), choose=lambda instances: instances[instances.scores > 1]),
        stats=Stats(),
    )
    output = pipeline.process(frame(0))
    assert output.instances is not None
    assert len(output.instances) == 0
    assert (output.image == 0).all()


def test_frames_wait_for_results_held_back():
    pipeline = Pipeline(HoldsBack(), Refiner(blend=True), Look(Mask()), stats=Stats())
    tracked = [pipeline.track(frame(index)) for index in range(8)]
    assert [len(each) for each in tracked] == [0, 0, 3, 0, 0, 3, 0, 0]
    tracked.append(pipeline.finish())
    shown = [item for each in tracked for item in each]
    assert [item.frame.index for item in shown] == list(range(8))
    for item in shown:
        assert item.instances is not None
        assert item.instances.boxes[0, 0] == 10 + item.frame.index
    assert pipeline.finish() == []
