from __future__ import annotations

import itertools
import time
from concurrent.futures import Executor, Future
from concurrent.futures.thread import ThreadPoolExecutor

import numpy as np
import pytest

from segmentation.evaluate import intersection_over_union
from segmentation.instances import Instances
from segmentation.keyframe import MAX_WAIT_S, KeyframeTracker
from segmentation.reuse.changes import Thumbnail, is_cut, is_still, new_share
from segmentation.reuse.identify import Identities
from segmentation.reuse.propagate import Picture
from segmentation.reuse.schedule import Progress, Schedule
from tests.moving_discs import COLOURS, SIZE_HW, Truth, colour_index, instances, scene, texture


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


def other_scene(i: int) -> tuple[np.ndarray, Instances]:
    image, found = scene([(80 + 4 * i, 60)])
    wall = np.ascontiguousarray(texture(SIZE_HW, (60, 120, 60), 9))
    inside = found.masks[0] >= 128
    wall[inside] = image[inside]
    return wall, found


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


def test_schedule_counts_frames():
    schedule = Schedule(3)
    assert [schedule.due(Progress(n, n / 25, drift=9.0)) for n in (1, 2, 3, 4)] == [
        False,
        False,
        True,
        True,
    ]


def test_schedule_goes_by_drift_news_and_time():
    schedule = Schedule("auto")
    assert not schedule.due(Progress(3, 0.1, drift=0.3, new_share=0.01))
    assert schedule.due(Progress(3, 0.1, drift=0.8))
    assert schedule.due(Progress(3, 0.1, new_share=0.07))
    assert schedule.due(Progress(3, 0.1, drift=0.4, new_share=0.04))
    assert schedule.due(Progress(3, 1.1))


@pytest.mark.parametrize("drift", [0.02, 0.1, 0.5])
def test_schedule_keeps_to_its_budget(drift):
    schedule = Schedule("auto", mean_distance=8)
    since, keyframes = 0, 0
    for _ in range(800):
        since += 1
        if schedule.due(Progress(since, since / 25, drift * since)):
            since, keyframes = 0, keyframes + 1
    assert 80 <= keyframes <= 125


def test_likeness_of_thumbnails():
    one, other = (Thumbnail.of(Picture.of(scene([(x, 70)])[0])) for x in (60, 64))
    elsewhere = Thumbnail.of(Picture.of(other_scene(0)[0]))
    assert not is_cut(one, other)
    assert is_cut(one, elsewhere)
    assert is_still(one, one)
    assert not is_still(one, other)
    plain = [Thumbnail.of(Picture.of(np.full((90, 120, 3), v, np.uint8))) for v in (40, 200)]
    assert is_cut(*plain)
    assert not is_cut(plain[0], plain[0])


def test_new_is_what_no_known_object_explains():
    before, now = scene([(60, 80)]), scene([(60, 80), (200, 80)])
    one, other = (Thumbnail.of(Picture.of(image)) for image, _ in (before, now))
    known = now[1].masks[0]
    assert new_share(one, one, known) == 0
    assert new_share(one, other, known) > 0.01
    assert new_share(one, other, now[1].union()) == 0
    moved = np.roll(before[0], 9, axis=1)
    assert new_share(one, Thumbnail.of(Picture.of(moved)), np.roll(known, 9, axis=1)) < 0.01


def test_cuts_are_found_in_real_frames_and_fast_motion_is_none(shared_data):
    import cv2

    clips = [
        [
            Thumbnail.of(Picture.of(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)))
            for path in sorted((folder / "JPEGImages").iterdir())[:20]
        ]
        for folder in sorted((shared_data / "davis").iterdir())
    ]
    assert len(clips) == 5
    for clip in clips:
        assert not any(is_cut(a, b) for a, b in itertools.pairwise(clip))
        assert all(is_cut(clip[-1], other[0]) for other in clips if other is not clip)


def test_identities_tell_classes_and_newcomers_apart():
    image, found = scene([(60, 70), (200, 90)])
    picture = Picture.of(image)
    names = Identities()
    first = names.name(found, None, picture, 0.0)
    assert first.ids.tolist() == [0, 1]
    swapped = names.name(found[::-1], first, picture, 0.1)
    assert swapped.ids.tolist() == [1, 0]
    other_class = Instances(
        found.boxes, found.scores, np.array([0, 3], np.int32), found.masks, found.ids
    )
    assert names.name(other_class, first, picture, 0.2).ids.tolist() == [0, 2]


def test_identity_of_who_left_is_kept_for_a_while():
    (here, found), (away, left) = scene([(60, 70)]), (scene([])[0], instances([]))
    for absence_s, expected in ((5.0, [0]), (50.0, [1])):
        names = Identities()
        first = names.name(found, None, Picture.of(here), 0.0)
        gone = names.name(left, first, Picture.of(away), 0.1)
        back = names.name(found, gone, Picture.of(here), absence_s)
        assert back.ids.tolist() == expected


def half_changed(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture with the upper half of an object in a colour it never had."""
    changed = image.copy()
    upper = mask >= 128
    upper[int(np.nonzero(upper)[0].mean()) :] = False
    changed[upper] = (250, 250, 20)
    return changed


@pytest.mark.parametrize(("x", "expected"), [(110, [0, 1]), (220, [0, 2])])
def test_who_went_behind_another_comes_out_from_there(x, expected):
    names = Identities()
    image, both = scene([(60, 70), (110, 70)])
    first = names.name(both, None, Picture.of(image), 0.0)
    assert first.ids.tolist() == [0, 1]
    alone = names.name(both[:1], first, Picture.of(image), 0.1)
    again, found = scene([(60, 70), (x, 70)])
    picture = Picture.of(half_changed(again, found.masks[1]))
    back = names.name(found, alone, picture, 4.0)
    assert back.ids.tolist() == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"reuse": "sideways"}, "reuse: expected hold, forward or both"),
        ({"reuse": "both", "executor": Later()}, "reuse: expected hold or forward"),
        ({"executor": Later()}, "reuse: expected hold or forward"),
        ({"reuse": "hold", "keyframe": 0}, "keyframe: expected a positive number"),
    ],
)
def test_wrong_calls_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        KeyframeTracker(Truth([]), **arguments)


def test_colours_of_the_scene_are_told_apart():
    image, found = scene([(50, 70), (120, 70), (200, 70)])
    assert [colour_index(image, mask) for mask in found.masks] == list(range(len(COLOURS)))
