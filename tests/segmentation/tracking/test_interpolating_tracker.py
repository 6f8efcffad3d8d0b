"""Masks between runs of a small network: as good as its own, or it runs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.evaluation.mask_agreement import intersection_over_union
from segmentation.instances import Instances
from segmentation.tracking.interpolating_tracker import MAX_MASK_CHANGE, SPAN, InterpolatingTracker

SIZE_HW = (96, 160)
Image = NDArray[np.uint8]


class RedIsForeground:
    """Finds how red each pixel is, and remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[Image] = []

    def segment(self, images: Image) -> list[Instances]:
        self.seen.extend(images)
        return [Instances.of_mask(image[..., 0].copy()) for image in images]


def person(x: float, *, softness: float = 3.0, size_hw: tuple[int, int] = SIZE_HW) -> Image:
    """Return a red ellipse with soft edges before a dark room, its centre at column `x`."""
    image = np.full((*size_hw, 3), 30, np.uint8)
    image[..., 0] = 0
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]]
    inside = np.hypot((columns - x) / 30, (rows - 50) / 40) < 1
    red = cv2.GaussianBlur(np.where(inside, 255, 0).astype(np.float32), (0, 0), softness)
    image[..., 0] = np.rint(red)
    return image


def play(frames: list[Image]) -> tuple[list[Instances | None], list[Image], InterpolatingTracker]:
    """Return the results, what the network saw, and the tracker."""
    network = RedIsForeground()
    tracker = InterpolatingTracker(network)
    shown = [each for i, image in enumerate(frames) for each in tracker.push(image, i / 30)]
    return shown + tracker.finish(), network.seen, tracker


def union(found: Instances | None) -> Image:
    assert found is not None
    return found.union()


@pytest.mark.parametrize("num", range(1, 2 * SPAN + 3))
def test_every_frame_gets_its_mask_in_order(num):
    frames = [person(40 + 0.5 * i) for i in range(num)]
    shown, seen, tracker = play(frames)
    assert len(shown) == num
    assert len(seen) == tracker.counts["keyframes"] == -(-(num - 1) // SPAN) + 1
    assert tracker.counts["interpolated"] == num - len(seen)
    for found, image in zip(shown, frames, strict=True):
        truth = image[..., 0]
        assert np.abs(union(found).astype(int) - truth).max() <= MAX_MASK_CHANGE / 4
        assert intersection_over_union(union(found) >= 128, truth >= 128) > 0.985


def test_nothing_waits_longer_than_for_the_next_run():
    tracker = InterpolatingTracker(RedIsForeground())
    given = [len(tracker.push(person(40), i / 30)) for i in range(1 + 2 * SPAN)]
    assert given == [1, *[0] * (SPAN - 1), SPAN, *[0] * (SPAN - 1), SPAN]


def test_network_sees_every_frame_of_fast_motion_and_is_passed_on_untouched():
    frames = [person(20 + 9 * i, softness=0.8) for i in range(2 * SPAN + 1)]
    shown, seen, _ = play(frames)
    assert len(seen) == len(frames)
    for found, image in zip(shown, frames, strict=True):
        np.testing.assert_array_equal(union(found), Instances.of_mask(image[..., 0]).union())


@pytest.mark.parametrize("index", range(1, SPAN))
def test_what_only_one_frame_shows_is_seen_there(index):
    frames = [person(60)] * (SPAN + 1)
    frames[index] = frames[index].copy()
    frames[index][20:30, 120:132, 0] = 255  # a hand
    shown, seen, _ = play(frames)
    assert any(image is not frames[0] and image[25, 125, 0] == 255 for image in seen)
    assert [bool(union(found)[25, 125]) for found in shown] == [i == index for i in range(SPAN + 1)]


def test_motion_forth_and_back_is_seen():
    frames = [person(60), person(66), person(72), person(66), person(60)]
    shown, seen, _ = play(frames)
    assert len(seen) == 5
    assert union(shown[2])[50, 101] > 128


def test_where_nobody_is_nobody_is_found_between():
    empty = np.full((*SIZE_HW, 3), (0, 30, 30), np.uint8)
    shown, seen, _ = play([empty] * (SPAN + 1))
    assert [len(found) for found in shown if found is not None] == [0] * (SPAN + 1)
    assert len(seen) == 2


def test_interpolated_objects_are_whole():
    shown, _, _ = play([person(60 + i) for i in range(SPAN + 1)])
    for found in shown:
        assert found is not None
        assert found.labels.tolist() == [0]
        assert found.ids.tolist() == [-1]
        left, top, right, bottom = found.boxes[0].astype(int)
        rows, columns = np.nonzero(found.masks[0] >= 128)
        assert [left, top, right - 1, bottom - 1] == [
            columns.min(),
            rows.min(),
            columns.max(),
            rows.max(),
        ]
        assert 0.5 < found.scores[0] <= 1


def test_frames_after_the_end_know_nothing_of_those_before():
    network = RedIsForeground()
    tracker = InterpolatingTracker(network)
    for image in (person(40), person(41), person(42)):
        tracker.push(image, 0)
    assert len(tracker.finish()) == 2
    assert tracker.finish() == []
    (found,) = tracker.push(person(120), 1)
    assert network.seen[-1][50, 120, 0] == 255
    assert union(found)[50, 40] == 0


def test_frames_of_another_size_begin_anew():
    tracker = InterpolatingTracker(RedIsForeground())
    tracker.push(person(40), 0)
    tracker.push(person(41), 1)
    results = tracker.push(person(40, size_hw=(90, 120)), 2)
    assert [found.size_hw for found in results if found is not None] == [SIZE_HW, (90, 120)]


def test_failure_of_the_network_is_raised():
    class Broken:
        def segment(self, images: Image) -> list[Instances]:
            raise RuntimeError("the network broke")

    with pytest.raises(RuntimeError, match="broke"):
        InterpolatingTracker(Broken()).push(person(40), 0)
