"""A network that is not waited for: masks come late, to where things are by then, or not at all."""

from __future__ import annotations

import threading
import time
from concurrent.futures.thread import ThreadPoolExecutor

import pytest

from segmentation.instances import Instances
from segmentation.tracking.live_tracker import MAX_WAIT_S, LiveTracker
from segmentation.tracking.propagation.propagate import FLOW, HOLD
from segmentation.tracking.schedule import Schedule
from tests.inputs.moving_discs import Truth, other_scene
from tests.segmentation.tracking.playing import Later, assert_equal, overlap, walk


def test_live_frame_after_a_cut_is_covered_until_its_own_mask_is_there():
    frames = [*walk(6), *(other_scene(i) for i in range(6))]
    later = Later()
    tracker = LiveTracker(Truth(frames), Schedule(1), later)
    shown = []
    for index, (image, _) in enumerate(frames):
        if index in (2, 7):  # at 7 what was found on a frame before the cut arrives too
            later.run()
        shown += tracker.push(image, index / 25)
    assert [each is None for each in shown] == [
        *[True] * 2,
        *[False] * 4,
        True,
        *[False] * 5,
    ]
    for found, (_, truth) in list(zip(shown, frames, strict=True))[7:]:
        assert overlap(found, truth) > 0.95


def test_late_result_is_shown_where_the_object_is_by_then():
    frames = walk(16)
    for carrying in (FLOW, HOLD):
        later = Later()
        network = Truth(frames)
        tracker = LiveTracker(network, Schedule(1), later, carrying=carrying)
        shown = []
        for index, (image, _) in enumerate(frames):
            if index % 5 == 0:
                later.run()
            shown += tracker.push(image, index / 25)
            assert len(shown) == index + 1
        assert network.seen == [0, 5, 10]
        assert shown[:5] == [None] * 5
        overlaps = [overlap(a, b) for a, (_, b) in zip(shown[5:], frames[5:], strict=True)]
        assert min(overlaps) > 0.95 if carrying == FLOW else max(overlaps) < 0.6
        assert [each.ids.tolist() for each in shown[5:]] == [[0]] * 11
        assert tracker.age_s == pytest.approx(5 / 25)


def test_frames_that_pass_after_the_work_is_done_are_caught_up_with():
    frames = walk(8)
    later = Later()
    tracker = LiveTracker(Truth(frames), Schedule(50), later)
    for index, (image, _) in enumerate(frames[:4]):
        assert tracker.push(image, index / 25) == [None]
    future, call = later.waiting.pop()
    carrier = call()  # done, but not yet told
    assert tracker.push(frames[4][0], 4 / 25) == [None]
    assert tracker.push(frames[5][0], 5 / 25) == [None]
    future.set_result(carrier)
    (found,) = tracker.push(frames[6][0], 6 / 25)
    assert overlap(found, frames[6][1]) > 0.95


def test_more_frames_may_pass_than_are_remembered():
    frames = walk(90, speed=1.0)
    later = Later()
    tracker = LiveTracker(Truth(frames), Schedule(1), later)
    for index, (image, _) in enumerate(frames[:-1]):
        tracker.push(image, index / 25)
    later.run()
    (found,) = tracker.push(frames[-1][0], 4.0)
    assert overlap(found, frames[-1][1]) > 0.9


def test_network_that_dies_covers_the_output_tells_and_is_tried_again():
    frames = walk(9)
    network, later, told = Truth(frames), Later(), []
    tracker = LiveTracker(network, Schedule(1), later, told.append)
    shown = []
    for index, (image, _) in enumerate(frames):
        network.broken = index in (3, 4)
        later.run()
        shown += tracker.push(image, index / 25)
    assert [each is None for each in shown] == [True, False, False, True, True, *[False] * 4]
    assert [str(error) for error in told] == ["the network broke"] * 2
    silent = LiveTracker(network, Schedule(1), later)
    network.broken = True
    silent.push(frames[0][0], 0.0)
    later.run()
    with pytest.raises(RuntimeError, match="the network broke"):
        silent.push(frames[1][0], 0.04)


def test_network_that_hangs_covers_the_output():
    frames = walk(4)
    later = Later()
    tracker = LiveTracker(Truth(frames), Schedule(1), later)
    tracker.push(frames[0][0], 0.0)
    later.run()
    assert tracker.push(frames[1][0], 1.0) != [None]
    assert tracker.push(frames[2][0], MAX_WAIT_S) != [None]
    assert tracker.push(frames[3][0], MAX_WAIT_S + 2.0) == [None]


def test_real_thread_is_never_waited_for_and_its_result_comes():
    frames = walk(40, speed=1.0)
    with ThreadPoolExecutor(1) as executor:
        tracker = LiveTracker(Truth(frames), Schedule(1), executor)
        shown = []
        for image, _ in frames:
            shown += tracker.push(image, 0.0)
            time.sleep(0.01)
    assert len(shown) == 40
    assert shown[0] is None
    assert shown[-1] is not None
    assert overlap(shown[-1], frames[-1][1]) > 0.9


def test_what_was_running_before_the_end_is_not_shown_after_it():
    frames = walk(6)
    later = Later()
    network = Truth(frames)
    tracker = LiveTracker(network, Schedule(1), later)
    tracker.push(frames[0][0], 0.0)
    later.run()
    assert tracker.push(frames[1][0], 0.04) != [None]
    assert tracker.finish() == []
    later.run()  # what was found on frame 1
    assert tracker.push(frames[4][0], 0.16) == [None]
    assert tracker.age_s is None
    later.run()
    (found,) = tracker.push(frames[5][0], 0.2)
    assert network.seen == [0, 1, 4]
    assert found is not None
    assert found.ids.tolist() == [0]


def test_network_does_not_begin_with_a_frame_from_before_the_end():
    frames = walk(2)
    network, free = Truth(frames), threading.Event()
    with ThreadPoolExecutor(1) as executor:
        executor.submit(free.wait, 10)
        tracker = LiveTracker(network, Schedule(1), executor)
        tracker.push(frames[0][0], 0.0)
        tracker.finish()
        tracker.push(frames[1][0], 0.04)
        free.set()
    assert network.seen == [1]


def test_streams_that_share_a_network_and_its_thread_know_nothing_of_each_other():
    streams = [walk(14), walk(14, speed=2.0), [*walk(8), *(other_scene(i) for i in range(6))]]

    def shown_together(chosen: list[int]) -> dict[int, list[Instances | None]]:
        later = Later()
        network = Truth([frame for frames in streams for frame in frames])
        trackers = {k: LiveTracker(network, Schedule("auto"), later) for k in chosen}
        shown: dict[int, list[Instances | None]] = {k: [] for k in chosen}
        for index in range(14):
            if index % 3 == 0:
                later.run()
            for k, tracker in trackers.items():
                shown[k] += tracker.push(streams[k][index][0], index / 25)
        return shown

    together = shown_together([0, 1, 2])
    for k in range(3):
        assert_equal(together[k], shown_together([k])[k])
        assert sum(each is not None for each in together[k]) >= 8
