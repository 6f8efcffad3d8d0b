"""Masks between keyframes: every frame gets one, in order, on time or not at all."""

from __future__ import annotations

import time
from concurrent.futures import Executor, Future
from concurrent.futures.thread import ThreadPoolExecutor

import numpy as np
import pytest

from segmentation.evaluation.mask_agreement import intersection_over_union
from segmentation.instances import Instances
from segmentation.tracking.keyframe_tracker import MAX_WAIT_S, KeyframeTracker
from tests.moving_discs import COLOURS, Truth, colour_index, other_scene, scene


class Later(Executor):
    """Runs what it was given when told to, in the thread that tells it."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future, object]] = []

    def submit(self, fn, /, *args, **kwargs):
        future: Future = Future()
        future.set_running_or_notify_cancel()  # begun at once, so that it can no more be cancelled
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run(self) -> None:
        waiting, self.waiting = self.waiting, []
        for future, call in waiting:
            try:
                future.set_result(call())
            except Exception as error:
                future.set_exception(error)


class Sizes:
    """Finds nothing in images of one size."""

    def segment(self, images: np.ndarray) -> list[Instances]:
        return [Instances.empty(images.shape[1:3])] * len(images)


def walk(num: int, speed: float = 4.0) -> list[tuple[np.ndarray, Instances]]:
    return [scene([(50 + speed * i, 70)]) for i in range(num)]


def play(tracker: KeyframeTracker, frames) -> list[Instances | None]:
    shown = [each for i, (image, _) in enumerate(frames) for each in tracker.push(image, i / 25)]
    return shown + tracker.finish()


def overlap(found: Instances | None, truth: Instances) -> float:
    assert found is not None
    return intersection_over_union(found.union() >= 128, truth.union() >= 128)


def test_without_reuse_the_network_sees_every_frame_and_is_passed_on_untouched():
    frames = walk(4)
    network = Truth(frames)
    for index, (image, truth) in enumerate(frames):
        tracker = KeyframeTracker(network)
        (found,) = tracker.push(image, index / 25)
        assert (found.masks == truth.masks).all()
        assert found.ids.tolist() == [-1]
    assert network.seen == [0, 1, 2, 3]


def test_a_frame_of_another_size_does_not_wait_for_company():
    frames = [scene([(50 + 4 * i, 70)]) for i in range(5)]
    frames += [(image[:100], truth) for image, truth in frames[:2]]
    tracker = KeyframeTracker(Sizes(), max_images=3)
    num_shown = [len(tracker.push(image, i / 25)) for i, (image, _) in enumerate(frames)]
    assert num_shown == [0, 0, 3, 0, 0, 2, 0]
    assert len(tracker.finish()) == 2
    assert tracker.finish() == []


@pytest.mark.parametrize("reuse", ["hold", "both"])
def test_frames_that_are_all_keyframes_are_seen_together_and_keep_their_ids(reuse):
    frames = [scene([(50 + 6.0 * i, 70), (230 - 6.0 * i, 90)]) for i in range(10)]
    frames += [other_scene(i) for i in range(4)]  # a cut within a batch
    frames += walk(3)
    one, four = Truth(frames), Truth(frames)
    wanted = play(KeyframeTracker(one, reuse=reuse), frames)
    tracker = KeyframeTracker(four, reuse=reuse, max_images=4)
    shown = play(tracker, frames)
    assert four.sizes == [4, 4, 4, 4, 1]
    assert one.sizes == [1] * 17
    assert tracker.counts["cuts"] == 2
    for found, each in zip(shown, wanted, strict=True):
        assert found is not None
        assert each is not None
        assert found.ids.tolist() == each.ids.tolist()
        assert (found.masks == each.masks).all()


def test_batch_that_fails_is_a_failure_of_each_of_its_frames():
    frames = walk(6)
    network = Truth(frames)
    told: list[Exception] = []
    tracker = KeyframeTracker(network, told.append, reuse="both", max_images=2)
    shown = [each for i in (0, 1) for each in tracker.push(frames[i][0], i / 25)]
    network.broken = True
    shown += [each for i in (2, 3) for each in tracker.push(frames[i][0], i / 25)]
    network.broken = False
    shown += [each for i in (4, 5) for each in tracker.push(frames[i][0], i / 25)]
    assert [each is None for each in shown] == [False, False, True, True, False, False]
    assert len(told) == 1


@pytest.mark.parametrize("reuse", ["hold", "forward", "both"])
def test_every_frame_gets_one_result_in_order(reuse):
    frames = walk(13)
    network = Truth(frames)
    tracker = KeyframeTracker(network, reuse=reuse, keyframe=5)
    shown = play(tracker, frames)
    assert network.seen == [0, 5, 10]
    assert len(shown) == 13
    assert [each.ids.tolist() for each in shown] == [[0]] * 13
    assert tracker.counts["keyframes"] == 3
    overlaps = [overlap(found, truth) for found, (_, truth) in zip(shown, frames, strict=True)]
    assert min(overlaps[::5]) > 0.97
    assert min(overlaps) < 0.7 if reuse == "hold" else min(overlaps) > 0.95


def test_forward_gives_each_result_at_once_and_both_at_the_next_keyframe():
    frames = walk(8)
    forward = KeyframeTracker(Truth(frames), reuse="forward", keyframe=4)
    assert [len(forward.push(image, 0.0)) for image, _ in frames] == [1] * 8
    assert forward.finish() == []
    both = KeyframeTracker(Truth(frames), reuse="both", keyframe=4)
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
    for reuse in ("forward", "both"):
        owner: dict[int, set[int]] = {}
        tracker = KeyframeTracker(Truth(frames), reuse=reuse, keyframe=5)
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


@pytest.mark.parametrize("reuse", ["hold", "forward", "both"])
def test_no_mask_crosses_a_cut_and_the_frame_after_it_is_a_keyframe(reuse):
    frames = [*walk(8), *(other_scene(i) for i in range(8))]
    network = Truth(frames)
    tracker = KeyframeTracker(network, reuse=reuse, keyframe=6)
    shown = play(tracker, frames)
    assert tracker.counts["cuts"] == 1
    assert network.seen == [0, 6, 8, 14]
    assert len(shown) == 16
    assert overlap(shown[8], frames[8][1]) == 1
    if reuse != "hold":
        overlaps = [overlap(a, b) for a, (_, b) in zip(shown, frames, strict=True)]
        assert min(overlaps) > 0.95


def test_live_frame_after_a_cut_is_covered_until_its_own_mask_is_there():
    frames = [*walk(6), *(other_scene(i) for i in range(6))]
    later = Later()
    tracker = KeyframeTracker(Truth(frames), reuse="forward", executor=later)
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
    for reuse in ("forward", "hold"):
        later = Later()
        network = Truth(frames)
        tracker = KeyframeTracker(network, reuse=reuse, executor=later)
        shown = []
        for index, (image, _) in enumerate(frames):
            if index % 5 == 0:
                later.run()
            shown += tracker.push(image, index / 25)
            assert len(shown) == index + 1
        assert network.seen == [0, 5, 10]
        assert shown[:5] == [None] * 5
        overlaps = [overlap(a, b) for a, (_, b) in zip(shown[5:], frames[5:], strict=True)]
        assert min(overlaps) > 0.95 if reuse == "forward" else max(overlaps) < 0.6
        assert [each.ids.tolist() for each in shown[5:]] == [[0]] * 11
        assert tracker.age_s == pytest.approx(5 / 25)


def test_frames_that_pass_after_the_work_is_done_are_caught_up_with():
    frames = walk(8)
    later = Later()
    tracker = KeyframeTracker(Truth(frames), reuse="forward", keyframe=50, executor=later)
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
    tracker = KeyframeTracker(Truth(frames), reuse="forward", executor=later)
    for index, (image, _) in enumerate(frames[:-1]):
        tracker.push(image, index / 25)
    later.run()
    (found,) = tracker.push(frames[-1][0], 4.0)
    assert overlap(found, frames[-1][1]) > 0.9


def test_network_that_dies_covers_the_output_tells_and_is_tried_again():
    frames = walk(9)
    network, later, told = Truth(frames), Later(), []
    tracker = KeyframeTracker(network, told.append, reuse="forward", executor=later)
    shown = []
    for index, (image, _) in enumerate(frames):
        network.broken = index in (3, 4)
        later.run()
        shown += tracker.push(image, index / 25)
    assert [each is None for each in shown] == [True, False, False, True, True, *[False] * 4]
    assert [str(error) for error in told] == ["the network broke"] * 2
    silent = KeyframeTracker(network, reuse="forward", executor=later)
    network.broken = True
    silent.push(frames[0][0], 0.0)
    later.run()
    with pytest.raises(RuntimeError, match="the network broke"):
        silent.push(frames[1][0], 0.04)


def test_network_that_fails_while_it_is_waited_for_covers_the_frame():
    frames = walk(6)
    network, told = Truth(frames), []
    tracker = KeyframeTracker(network, told.append, reuse="both", keyframe=3)
    shown = []
    for index, (image, _) in enumerate(frames):
        network.broken = index == 3
        shown += tracker.push(image, index / 25)
    shown += tracker.finish()
    assert [each is None for each in shown] == [False] * 3 + [True] + [False] * 2
    assert network.seen == [0, 3, 4]
    assert len(told) == 1


def test_network_that_hangs_covers_the_output():
    frames = walk(4)
    later = Later()
    tracker = KeyframeTracker(Truth(frames), reuse="forward", executor=later)
    tracker.push(frames[0][0], 0.0)
    later.run()
    assert tracker.push(frames[1][0], 1.0) != [None]
    assert tracker.push(frames[2][0], MAX_WAIT_S) != [None]
    assert tracker.push(frames[3][0], MAX_WAIT_S + 2.0) == [None]


def test_real_thread_is_never_waited_for_and_its_result_comes():
    frames = walk(40, speed=1.0)
    with ThreadPoolExecutor(1) as executor:
        tracker = KeyframeTracker(Truth(frames), reuse="forward", executor=executor)
        shown = []
        for image, _ in frames:
            shown += tracker.push(image, 0.0)
            time.sleep(0.01)
    assert len(shown) == 40
    assert shown[0] is None
    assert shown[-1] is not None
    assert overlap(shown[-1], frames[-1][1]) > 0.9


def test_auto_lets_the_network_rest_while_nothing_moves():
    rng = np.random.default_rng(0)
    image, truth = scene([(60, 70)])
    noisy = [np.clip(image + rng.normal(0, 3, image.shape), 0, 255) for _ in range(60)]
    frames = [(each.astype(np.uint8), truth) for each in noisy]
    tracker = KeyframeTracker(Truth(frames), reuse="both", keyframe="auto")
    shown = play(tracker, frames)
    assert len(shown) == 60
    assert tracker.counts == {"keyframes": 1, "still": 59, "carried": 0, "cuts": 0}


def test_auto_runs_the_network_when_something_new_appears():
    frames = [scene([(60, 80)]) for _ in range(10)]
    frames += [scene([(60, 80), (max(200.0, 250.0 - 10 * i), 80)]) for i in range(12)]
    network = Truth(frames)
    shown = play(KeyframeTracker(network, reuse="forward", keyframe="auto"), frames)
    assert network.seen[0] == 9  # the first ten frames are one and the same
    assert 10 <= network.seen[1] <= 13
    assert len(shown[14]) == 2


def test_auto_runs_it_more_often_the_more_there_is_to_follow():
    runs = {}
    for speed in (0.5, 3.0, 8.0):
        frames = walk(25, speed)
        tracker = KeyframeTracker(Truth(frames), reuse="forward", keyframe="auto")
        play(tracker, frames)
        runs[speed] = tracker.counts["keyframes"]
    assert runs[0.5] <= runs[3.0] <= runs[8.0]
    assert runs[0.5] < runs[8.0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"reuse": "sideways"}, "reuse: expected hold, forward or both"),
        ({"reuse": "both", "executor": Later()}, "reuse: expected hold or forward"),
        ({"executor": Later()}, "reuse: expected hold or forward"),
        ({"reuse": "hold", "keyframe": 0}, "keyframe: expected a positive number"),
        ({"reuse": "both", "keyframe": 5, "max_images": 4}, "max_images: expected 1"),
        ({"reuse": "hold", "executor": Later(), "max_images": 2}, "max_images: expected 1"),
    ],
)
def test_wrong_calls_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        KeyframeTracker(Truth([]), **arguments)


def test_colours_of_the_scene_are_told_apart():
    image, found = scene([(50, 70), (120, 70), (200, 70)])
    assert [colour_index(image, mask) for mask in found.masks] == list(range(len(COLOURS)))
