"""What every tracker promises: see `segmentation.tracking.tracker.Tracker`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from effects import Mask
from segmentation.evaluation.mask_agreement import intersection_over_union
from segmentation.instances import Instances
from segmentation.picture import RgbPicture
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.tracker import Tracker
from stream.frame import Frame
from stream.looks.look import Look
from stream.pipeline import Pipeline, Tracked
from stream.stats import Stats
from tests.contracts.subclasses import classes_with
from tests.contracts.trackers import TRACKERS, Case
from tests.inputs.moving_discs import Truth, scene

NUM_FRAMES = 14  # which ends between two keyframes, and in the middle of a batch
#: A disc that moves slowly: even a mask that is held is nearly right.
WALK = [scene([(60 + index, 70)]) for index in range(NUM_FRAMES)]
#: Nothing is there.
EMPTY = [scene([])] * NUM_FRAMES
Frames = Sequence[tuple[NDArray[np.uint8], Instances]]


@pytest.fixture(params=TRACKERS.values(), ids=TRACKERS.keys())
def case(request: pytest.FixtureRequest) -> Case:
    return request.param  # type: ignore[no-any-return]


def shown(tracker: Tracker, frames: Frames) -> list[Instances | None]:
    """Return the results of a whole stream, and look that none comes before its frame."""
    results: list[Instances | None] = []
    for index, (image, _) in enumerate(frames):
        results += tracker.push(image, index / 25)
        assert len(results) <= index + 1
    return results + tracker.finish()


def is_truth(found: Instances | None, truth: Instances) -> bool:
    assert found is not None
    return intersection_over_union(found.union() >= 128, truth.union() >= 128) > 0.8


def test_every_tracker_is_in_the_list() -> None:
    kinds = {case.kind for case in TRACKERS.values()}
    assert classes_with("segmentation/tracking", "push", "finish") == kinds


def test_each_frame_has_one_result_in_order(case: Case) -> None:
    tracker = case.open(Truth(WALK), None)
    results = shown(tracker, WALK)
    assert len(results) == NUM_FRAMES
    if case.is_live:
        assert results[0] is None
    known = [each for each in zip(results, WALK, strict=True)][case.is_live :]
    for found, (image, truth) in known:
        assert is_truth(found, truth)
        assert found is not None
        assert found.size_hw == image.shape[:2]
    lefts = [np.nonzero(found.union() >= 128)[1].mean() for found, _ in known if found is not None]
    assert (np.diff(lefts) > -0.5).all(), "in order"


def test_the_end_gives_what_was_held_back_and_the_next_frame_begins_anew(case: Case) -> None:
    tracker = case.open(Truth(WALK + EMPTY), None)
    assert tracker.finish() == []
    for _ in range(2):
        assert len(shown(tracker, WALK)) == NUM_FRAMES
        assert tracker.finish() == []
        results = shown(tracker, EMPTY)
        assert len(results) == NUM_FRAMES
        assert not any(found is not None and len(found) for found in results)


def test_a_stream_of_one_frame_has_one_result(case: Case) -> None:
    assert len(shown(case.open(Truth(WALK), None), WALK[:1])) == 1


def test_nothing_is_shown_of_the_take_before(case: Case) -> None:
    stats = Stats()
    tracker = case.open(Truth(WALK + EMPTY), None)
    pipeline = Pipeline(tracker, Refiner(blend=True), Look(Mask()), stats=stats)
    tracked: list[Tracked] = []
    for take, frames in enumerate((WALK, EMPTY, WALK)):
        for index, (image, _) in enumerate(frames):
            time_s = (take * NUM_FRAMES + index) / 25
            frame = Frame(RgbPicture(image), take * NUM_FRAMES + index, time_s, take=take)
            tracked += pipeline.track(frame)
    tracked += pipeline.finish()
    assert [each.frame.index for each in tracked] == list(range(3 * NUM_FRAMES))
    for each in tracked:
        found = each.instances
        if each.frame.take == 1:
            assert found is None or len(found) == 0
        elif found is not None:
            assert is_truth(found, WALK[each.frame.index % NUM_FRAMES][1])


def test_nothing_found_is_an_empty_result(case: Case) -> None:
    results = shown(case.open(Truth(EMPTY), None), EMPTY)
    for found in results[case.is_live :]:
        assert found is not None
        assert len(found) == 0
        assert found.size_hw == EMPTY[0][0].shape[:2]


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=name) for name, case in TRACKERS.items() if case.lets_pass],
    indirect=True,
)
def test_a_frame_on_which_the_network_fails_has_no_mask(case: Case) -> None:
    network, told = Truth(WALK), list[Exception]()
    tracker = case.open(network, told.append)
    results: list[Instances | None] = []
    for index, (image, _) in enumerate(WALK):
        network.broken = index < 5
        results += tracker.push(image, index / 25)
    results += tracker.finish()
    assert len(results) == NUM_FRAMES
    assert results[0] is None
    assert {str(error) for error in told} == {"the network broke"}
    assert is_truth(results[-1], WALK[-1][1]), "and goes on"


def test_a_failure_that_nobody_is_told_of_is_raised(case: Case) -> None:
    network = Truth(WALK)
    tracker = case.open(network, None)
    network.broken = True
    with pytest.raises(RuntimeError, match="the network broke"):
        shown(tracker, WALK)


def test_ids_stay_where_it_gives_any(case: Case) -> None:
    frames = [scene([(60 + index, 70), (200, 80)]) for index in range(NUM_FRAMES)]
    tracker = case.open(Truth(frames), None)
    results = [found for found in shown(tracker, frames) if found is not None]
    assert results
    for found in results:
        ids = found.ids.tolist()
        assert sorted(ids) == sorted(results[0].ids.tolist())
        assert (len(set(ids)) == 2 and min(ids) >= 0) if tracker.gives_ids else set(ids) == {-1}


def test_it_says_what_it_does(case: Case) -> None:
    network = Truth(WALK)
    tracker = case.open(network, None)
    assert tracker.max_images >= 1
    assert tracker.age_s is None
    shown(tracker, WALK)
    assert tracker.counts["keyframes"] == len(network.seen)
    assert all(count >= 0 for count in tracker.counts.values())


def test_images_are_left_as_they_are(case: Case) -> None:
    images = [image.copy() for image, _ in WALK]
    shown(case.open(Truth(WALK), None), WALK)
    for image, (given, _) in zip(images, WALK, strict=True):
        np.testing.assert_array_equal(image, given)
