"""Masks between keyframes of a file: every frame gets one, in order."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.evaluation.mask_agreement import intersection_over_union
from segmentation.tracking.keyframe_tracker import KeyframeTracker
from segmentation.tracking.propagation.propagate import Carrying
from segmentation.tracking.schedule import Schedule
from tests.inputs.moving_discs import COLOURS, Truth, colour_index, other_scene, scene
from tests.segmentation.tracking.playing import keyframe_tracker, overlap, play, walk


@pytest.mark.parametrize("between", ["hold", "forward", "both"])
def test_every_frame_gets_one_result_in_order(between):
    frames = walk(13)
    network = Truth(frames)
    tracker = keyframe_tracker(5, between, network)
    shown = play(tracker, frames)
    assert network.seen == [0, 5, 10]
    assert len(shown) == 13
    assert [each.ids.tolist() for each in shown] == [[0]] * 13
    assert tracker.counts["keyframes"] == 3
    overlaps = [overlap(found, truth) for found, (_, truth) in zip(shown, frames, strict=True)]
    assert min(overlaps[::5]) > 0.97
    assert min(overlaps) < 0.7 if between == "hold" else min(overlaps) > 0.95


def test_each_result_is_given_at_once_unless_it_waits_for_the_next_keyframe():
    frames = walk(8)
    hold = keyframe_tracker(4, "hold", Truth(frames))
    assert [len(hold.push(image, 0.0)) for image, _ in frames] == [1] * 8
    forward = keyframe_tracker(4, "forward", Truth(frames))
    assert [len(forward.push(image, 0.0)) for image, _ in frames] == [1] * 8
    assert forward.finish() == []
    both = keyframe_tracker(4, "both", Truth(frames))
    assert [len(both.push(image, 0.0)) for image, _ in frames] == [1, 0, 0, 0, 4, 0, 0, 0]
    assert len(both.finish()) == 3
    assert both.finish() == []


def test_ids_stay_when_objects_cross_leave_and_return():
    frames = []
    for i in range(75):
        red = 40 + 6.0 * i if i < 45 else 40 + 6.0 * (75 - i)  # leaves on the right, comes back
        blue = 240 - 3.0 * i
        frames.append(scene([(red, 70), (blue, 90)]))
    assert {len(truth) for _, truth in frames} == {1, 2}
    for between in ("forward", "both"):
        owner: dict[int, set[int]] = {}
        tracker = keyframe_tracker(5, between, Truth(frames))
        shown = play(tracker, frames)
        for (image, truth), found in zip(frames, shown, strict=True):
            assert len(set(found.ids.tolist())) == len(found)
            for disc in truth.masks:
                overlaps = [intersection_over_union(m >= 128, disc >= 128) for m in found.masks]
                if max(overlaps) > 0.5:
                    k = int(found.ids[int(np.argmax(overlaps))])
                    owner.setdefault(k, set()).add(colour_index(image, disc))
        assert owner == {0: owner[0], 1: owner[1]}
        assert sorted(map(sorted, owner.values())) == [[0], [1]]


@pytest.mark.parametrize("between", ["hold", "forward", "both"])
def test_no_mask_crosses_a_cut_and_the_frame_after_it_is_a_keyframe(between):
    frames = [*walk(8), *(other_scene(i) for i in range(8))]
    network = Truth(frames)
    tracker = keyframe_tracker(6, between, network)
    shown = play(tracker, frames)
    assert tracker.counts["cuts"] == 1
    assert network.seen == [0, 6, 8, 14]
    assert len(shown) == 16
    assert overlap(shown[8], frames[8][1]) == 1
    if between != "hold":
        overlaps = [overlap(a, b) for a, (_, b) in zip(shown, frames, strict=True)]
        assert min(overlaps) > 0.95


def test_a_keyframe_is_due_when_no_more_frames_may_wait():
    frames = walk(8)
    network = Truth(frames)
    tracker = KeyframeTracker(network, Schedule(50), max_held=2)
    num_shown = [len(tracker.push(image, i / 25)) for i, (image, _) in enumerate(frames)]
    assert num_shown == [1, 0, 0, 3, 0, 0, 3, 0]
    assert network.seen == [0, 3, 6]
    assert len(tracker.finish()) == 1


def test_frames_after_the_end_begin_anew_but_for_ids():
    frames = walk(7)
    network = Truth(frames)
    tracker = keyframe_tracker(5, "both", network)
    first, second = play(tracker, frames), play(tracker, frames[4:])
    assert network.seen == [0, 5, 4]
    assert [each.ids.tolist() for each in [*first, *second]] == [[0]] * 10


def test_scene_after_the_end_is_no_cut():
    first, second = walk(3), [other_scene(i) for i in range(3)]
    tracker = keyframe_tracker(5, "both", Truth([*first, *second]))
    assert len(play(tracker, first) + play(tracker, second)) == 6
    assert tracker.counts["cuts"] == 0


def test_masks_are_as_old_as_their_keyframe():
    frames = walk(6)
    network = Truth(frames)
    tracker = keyframe_tracker(4, "forward", network, lambda error: None)
    ages = []
    for index, (image, _) in enumerate(frames):
        network.broken = index == 4
        tracker.push(image, float(index))
        ages.append(tracker.age_s)
    assert ages == [0, 1, 2, 3, None, 0]


def test_network_that_fails_while_it_is_waited_for_covers_the_frame():
    frames = walk(6)
    network, told = Truth(frames), []
    tracker = keyframe_tracker(3, "both", network, told.append)
    shown = []
    for index, (image, _) in enumerate(frames):
        network.broken = index == 3
        shown += tracker.push(image, index / 25)
    shown += tracker.finish()
    assert [each is None for each in shown] == [False] * 3 + [True] + [False] * 2
    assert network.seen == [0, 3, 4]
    assert len(told) == 1


def test_auto_lets_the_network_rest_while_nothing_moves():
    rng = np.random.default_rng(0)
    image, truth = scene([(60, 70)])
    noisy = [np.clip(image + rng.normal(0, 3, image.shape), 0, 255) for _ in range(60)]
    frames = [(each.astype(np.uint8), truth) for each in noisy]
    tracker = keyframe_tracker("auto", "both", Truth(frames))
    shown = play(tracker, frames)
    assert len(shown) == 60
    assert tracker.counts == {"keyframes": 1, "still": 59, "carried": 0, "cuts": 0}


def test_auto_runs_the_network_when_something_new_appears():
    frames = [scene([(60, 80)]) for _ in range(10)]
    frames += [scene([(60, 80), (max(200.0, 250.0 - 10 * i), 80)]) for i in range(12)]
    network = Truth(frames)
    shown = play(keyframe_tracker("auto", "forward", network), frames)
    assert network.seen[0] == 9  # the first ten frames are one and the same
    assert 10 <= network.seen[1] <= 13
    assert len(shown[14]) == 2


def test_auto_runs_it_more_often_the_more_there_is_to_follow():
    runs = {}
    for speed in (0.5, 3.0, 8.0):
        frames = walk(25, speed)
        tracker = keyframe_tracker("auto", "forward", Truth(frames))
        play(tracker, frames)
        runs[speed] = tracker.counts["keyframes"]
    assert runs[0.5] <= runs[3.0] <= runs[8.0]
    assert runs[0.5] < runs[8.0]


def test_another_reuse_is_refused():
    with pytest.raises(ValueError, match="reuse: expected hold or flow, got 'sideways'"):
        Carrying("sideways")


def test_colours_of_the_scene_are_told_apart():
    image, found = scene([(50, 70), (120, 70), (200, 70)])
    assert [colour_index(image, mask) for mask in found.masks] == list(range(len(COLOURS)))
