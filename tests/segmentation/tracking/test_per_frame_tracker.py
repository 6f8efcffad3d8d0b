"""Every frame by itself."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.instances import Instances
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from tests.inputs.moving_discs import Truth
from tests.segmentation.tracking.playing import play, walk


class Sizes:
    """Finds nothing in images of one size."""

    def segment(self, images: np.ndarray) -> list[Instances]:
        return [Instances.empty(images.shape[1:3])] * len(images)


def test_network_sees_every_frame_and_is_passed_on_untouched():
    frames = walk(4)
    network = Truth(frames)
    tracker = PerFrameTracker(network)
    for index, (image, truth) in enumerate(frames):
        (found,) = tracker.push(image, index / 25)
        assert (found.masks == truth.masks).all()
        assert found.ids.tolist() == [-1]
    assert network.seen == [0, 1, 2, 3]
    assert network.sizes == [1] * 4
    assert tracker.counts["keyframes"] == 4


def test_frames_of_a_batch_are_held_back_until_it_is_full():
    frames = walk(7)
    network = Truth(frames)
    tracker = PerFrameTracker(network, max_images=3)
    num_shown = [len(tracker.push(image, 0.0)) for image, _ in frames]
    assert num_shown == [0, 0, 3, 0, 0, 3, 0]
    (last,) = tracker.finish()
    assert (last.masks == frames[-1][1].masks).all()
    assert network.sizes == [3, 3, 1]


def test_a_frame_of_another_size_does_not_wait_for_company():
    frames = walk(5)
    frames += [(image[:100], truth) for image, truth in frames[:2]]
    tracker = PerFrameTracker(Sizes(), max_images=3)
    num_shown = [len(tracker.push(image, i / 25)) for i, (image, _) in enumerate(frames)]
    assert num_shown == [0, 0, 3, 0, 0, 2, 0]
    assert len(tracker.finish()) == 2
    assert tracker.finish() == []


@pytest.mark.parametrize(("max_images", "num_told"), [(1, 2), (2, 1)])
def test_network_that_fails_is_told_and_its_frames_have_no_mask(max_images, num_told):
    frames = walk(6)
    network, told = Truth(frames), []
    tracker = PerFrameTracker(network, told.append, max_images=max_images)
    shown = []
    for index, (image, _) in enumerate(frames):
        network.broken = index in (2, 3)
        shown += tracker.push(image, index / 25)
    assert [each is None for each in shown] == [False, False, True, True, False, False]
    assert [str(error) for error in told] == ["the network broke"] * num_told
    network.broken = True
    with pytest.raises(RuntimeError, match="the network broke"):
        play(PerFrameTracker(network), frames)
