"""Objects that touch and are found as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segmentation.instances import Instances
from segmentation.tracking.merged import take_apart
from tests.inputs.moving_discs import Truth, instances, scene
from tests.segmentation.tracking.playing import keyframe_tracker


def pair(x: float = 60, other_x: float = 116) -> Instances:
    found = scene([(x, 80), (other_x, 80)])[1]
    return replace(found, ids=np.arange(2, dtype=np.int32))


def union(found: Instances) -> np.ndarray:
    return found.masks.max(axis=0)


def test_one_that_is_two_known_ones_is_taken_apart_where_they_were():
    known = pair()
    apart = take_apart(instances([union(pair(62, 114))]), known)
    assert len(apart) == 2
    assert np.array_equal(union(apart), union(pair(62, 114)))
    for mask, box, before in zip(apart.masks, apart.boxes, known.masks, strict=True):
        inside = mask >= 128
        assert (inside & (before >= 128)).sum() > 0.9 * inside.sum()
        x1, y1, x2, y2 = box.astype(int)
        assert inside[y1:y2, x1:x2].sum() == inside.sum()
    assert len(take_apart(instances([union(known)]), known.scaled_to((80, 140)))) == 2
    assert len(take_apart(instances([union(known)]), None)) == 1


def test_one_of_them_found_by_itself_too_is_not_there_twice():
    known = pair()
    apart = take_apart(instances([union(known), known.masks[1]]), known)
    assert len(apart) == 2
    for mask, before in zip(apart.masks, known.masks, strict=True):
        assert ((mask >= 128) != (before >= 128)).mean() < 0.01


def test_one_alone_stays_whole():
    known = pair()
    front = instances([known.masks[0]])
    assert take_apart(front, known) is front  # the other is gone
    hidden = pair(60, 72)  # most of the other is behind this one
    assert len(take_apart(instances([union(hidden)]), hidden)) == 1
    classes = replace(known, labels=np.array([0, 1], np.int32))
    assert len(take_apart(instances([union(known)]), classes)) == 1
    elsewhere = instances([np.roll(union(known), 70, axis=1)])
    assert len(take_apart(elsewhere, known)) == 1
    nobody = instances([])
    assert len(take_apart(front, nobody)) == len(take_apart(nobody, known)) + 1 == 1


def test_ids_stay_when_two_meet_are_found_as_one_and_part():
    frames = []
    for i in range(40):
        x = 60 + 2 * min(i, 40 - i)
        image, truth = scene([(x, 80), (190 - (x - 60), 80)])
        touches = 15 <= i <= 25
        frames.append((image, instances([union(truth)]) if touches else truth))
    for between in ("forward", "both"):
        tracker = keyframe_tracker(5, between, Truth(frames))
        shown = [
            each for k, (image, _) in enumerate(frames) for each in tracker.push(image, k / 25)
        ]
        shown += tracker.finish()
        assert all(sorted(found.ids.tolist()) == [0, 1] for found in shown)
        assert len({int(found.ids[found.boxes[:, 0].argmin()]) for found in shown}) == 1
