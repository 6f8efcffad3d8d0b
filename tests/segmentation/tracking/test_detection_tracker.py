"""Every frame a keyframe, and ids that stay."""

from __future__ import annotations

import pytest

from segmentation.tracking.detection_tracker import DetectionTracker
from segmentation.tracking.keyframe_tracker import KeyframeTracker
from segmentation.tracking.propagation.propagate import FLOW, HOLD
from segmentation.tracking.schedule import Schedule
from tests.inputs.moving_discs import Truth, elsewhere, other_scene, scene
from tests.segmentation.tracking.playing import assert_equal, play, walk

CROSSING = [scene([(50 + 6.0 * i, 70), (230 - 6.0 * i, 90)]) for i in range(10)]
WITH_CUTS = [*CROSSING, *(other_scene(i) for i in range(4)), *walk(3)]
#: nothing is there for a while, then nothing moves for a while
WITH_GAPS = [*walk(4), *((i, found[:0]) for i, found in walk(7)[4:]), *walk(8)[7:], *walk(1) * 5]


@pytest.mark.parametrize("carrying", [HOLD, FLOW], ids=["hold", "flow"])
@pytest.mark.parametrize("frames", [WITH_CUTS, WITH_GAPS], ids=["cuts", "gaps"])
@pytest.mark.parametrize("num_whole", [99, 5, 10], ids=["whole", "breaks", "breaks while still"])
def test_it_is_a_keyframe_tracker_all_of_whose_frames_are_keyframes(frames, carrying, num_whole):
    networks = [Truth(frames), Truth(frames)]
    keyframes = KeyframeTracker(networks[0], Schedule(1), lambda error: None, carrying=carrying)
    tracker = DetectionTracker(networks[1], lambda error: None, carrying=carrying)
    for index, (image, _) in enumerate(frames):
        for network in networks:
            network.broken = index == num_whole
        (wanted,) = keyframes.push(image, index / 25)
        assert_equal(tracker.push(image, index / 25), [wanted])
        assert (wanted is None) == (index == num_whole)
        assert tracker.age_s == keyframes.age_s
    assert tracker.counts == keyframes.counts
    assert tracker.counts["keyframes"] == len(frames)


@pytest.mark.parametrize("carrying", [HOLD, FLOW], ids=["hold", "flow"])
@pytest.mark.parametrize("frames", [WITH_CUTS, WITH_GAPS], ids=["cuts", "gaps"])
def test_frames_are_seen_together_with_the_results_of_one_after_the_other(frames, carrying):
    one, four = Truth(frames), Truth(frames)
    wanted = play(DetectionTracker(one, carrying=carrying), frames)
    tracker = DetectionTracker(four, max_images=4, carrying=carrying)
    shown = play(tracker, frames)
    num_full, rest = divmod(len(frames), 4)
    assert four.sizes == [4] * num_full + [rest] * (rest > 0)
    assert one.sizes == [1] * len(frames)
    assert tracker.counts["cuts"] == (2 if frames is WITH_CUTS else 0)
    assert_equal(shown, wanted)


def test_batch_that_fails_is_a_failure_of_each_of_its_frames():
    frames = walk(6)
    network = Truth(frames)
    told: list[Exception] = []
    tracker = DetectionTracker(network, told.append, max_images=2)
    shown, ages = [], []
    for index, (image, _) in enumerate(frames):
        network.broken = index in (2, 3)
        shown += tracker.push(image, index / 25)
        ages.append(tracker.age_s)
    assert [each is None for each in shown] == [False, False, True, True, False, False]
    assert ages == [None, 0, 0, None, None, 0]
    assert [each.ids.tolist() for each in shown if each is not None] == [[0]] * 4
    assert len(told) == 1


def test_object_after_a_cut_is_another_one_if_it_looks_different():
    red, blue = scene([(60, 70)]), elsewhere(*scene([(-90, 70), (60, 70)]))
    frames = [red, red, blue, blue]
    for tracker in (DetectionTracker(Truth(frames)), KeyframeTracker(Truth(frames), Schedule(1))):
        shown = play(tracker, frames)
        assert [each.ids.tolist() for each in shown] == [[0], [0], [1], [1]]


def test_frames_after_the_end_begin_anew_but_for_ids():
    first, second = walk(5), [other_scene(i) for i in range(5)]
    tracker = DetectionTracker(Truth([*first, *second]), max_images=4)
    shown = play(tracker, first) + play(tracker, second)
    assert [each.ids.tolist() for each in shown] == [[0]] * 10, "known by its colours"
    assert tracker.counts["cuts"] == 0
