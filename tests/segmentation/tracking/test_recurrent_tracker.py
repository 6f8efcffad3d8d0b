"""A network that remembers: what it knows is of one stream, and of one scene of it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.tracking.recurrent_tracker import RecurrentTracker
from tests.stand_ins.fakes import PERSON, square
from tests.stand_ins.recurrent import Remembers, num_remembered


def elsewhere(index: int) -> NDArray[np.uint8]:
    """Return a frame of another scene, which has the person too."""
    image = np.full((48, 64, 3), (240, 235, 30), np.uint8)
    image[::2, 32:] = (10, 10, 200)
    image[4:20, 30 + index : 46 + index] = PERSON
    return image


def test_each_frame_is_found_with_what_is_known_of_those_before():
    tracker = RecurrentTracker(Remembers())
    known = [num_remembered(tracker.push(square(i), i / 25)[0]) for i in range(4)]
    assert known == [0, 1, 2, 3]
    assert tracker.counts["keyframes"] == 4
    assert tracker.counts["cuts"] == 0


def test_at_a_cut_it_begins_anew():
    tracker = RecurrentTracker(Remembers())
    frames = [square(0), square(1), elsewhere(0), elsewhere(1)]
    known = [num_remembered(tracker.push(image, i / 25)[0]) for i, image in enumerate(frames)]
    assert known == [0, 1, 0, 1]
    assert tracker.counts["cuts"] == 1


def test_at_another_size_it_begins_anew():
    tracker = RecurrentTracker(Remembers())
    frames = [square(0), square(1), square(2)[:40], square(3)[:40], square(4)]
    known = [num_remembered(tracker.push(image, i / 25)[0]) for i, image in enumerate(frames)]
    assert known == [0, 1, 0, 1, 0]
    assert tracker.counts["cuts"] == 0


def test_after_the_end_it_begins_anew():
    tracker = RecurrentTracker(Remembers())
    for _ in range(2):
        known = [num_remembered(tracker.push(square(i), i / 25)[0]) for i in range(2)]
        assert known == [0, 1]
        assert tracker.finish() == []


def test_after_a_failure_it_begins_anew():
    told: list[Exception] = []
    tracker = RecurrentTracker(Remembers(fails=lambda call: call == 2), told.append)
    shown = [tracker.push(square(i), i / 25)[0] for i in range(5)]
    assert shown[2] is None
    assert [num_remembered(shown[i]) for i in (0, 1, 3, 4)] == [0, 1, 0, 1]
    assert [str(error) for error in told] == ["the network broke"]
    tracker = RecurrentTracker(Remembers(fails=lambda call: True))
    with pytest.raises(RuntimeError, match="the network broke"):
        tracker.push(square(0), 0.0)


def test_streams_of_one_network_know_nothing_of_each_other():
    network = Remembers()
    one, other = RecurrentTracker(network), RecurrentTracker(network)
    known = []
    for index in range(3):
        known.append(num_remembered(one.push(square(index), index / 25)[0]))
        if index:
            known.append(num_remembered(other.push(square(index), index / 25)[0]))
    assert known == [0, 1, 0, 2, 1]
