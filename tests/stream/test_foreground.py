"""Which objects are foreground."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segmentation.instances import Instances
from segmentation.segmenter import check_classes
from stream.foreground import Keep, parse_keep


def objects(labels: list[int]) -> Instances:
    num = len(labels)
    return Instances(
        boxes=np.zeros((num, 4), np.float32),
        scores=np.linspace(1, 0.5, num, dtype=np.float32),
        labels=np.array(labels, np.int32),
        masks=np.zeros((num, 4, 5), np.uint8),
        ids=np.arange(num, dtype=np.int32),
    )


def test_keep_is_read():
    assert parse_keep("person") == {"person": None}
    assert parse_keep("person:1, traffic light ,dog:12") == {
        "person": 1,
        "traffic light": None,
        "dog": 12,
    }


@pytest.mark.parametrize("text", ["", "person,", "person:", "person:0", "person:x", ":1"])
def test_keep_that_makes_no_sense(text):
    with pytest.raises(ValueError, match="must look like"):
        parse_keep(text)


def test_best_of_a_class_and_all_of_another():
    found = objects([0, 2, 0, 1, 2, 0])
    assert Keep({0: 2, 2: None})(found).ids.tolist() == [0, 1, 2, 4]
    assert Keep({1: 5})(found).ids.tolist() == [3]
    assert len(Keep({7: None})(found)) == 0
    assert len(Keep({0: None})(objects([]))) == 0


def test_misspelt_class_gets_a_suggestion():
    check_classes(["dog"], ["cat", "dog"])
    with pytest.raises(ValueError, match="no class 'dgo'; did you mean 'dog'"):
        check_classes(["dgo"], ["cat", "dog"])
    with pytest.raises(ValueError, match="known are cat, dog"):
        check_classes(["zebra"], ["cat", "dog"])


def test_in_a_video_it_is_the_same_ones_from_frame_to_frame():
    found = objects([0, 1, 0, 0])
    keep = Keep({0: 1})
    untracked = replace(found, ids=np.full(4, -1, np.int32))
    assert keep.chosen(untracked).tolist() == [True, False, False, False]
    # the one that was there first is no longer the best
    tracked = replace(found, ids=np.array([7, 0, 2, 9], np.int32))
    assert keep.chosen(tracked).tolist() == [False, False, True, False]
    assert keep.chosen(tracked[np.array([0, 1, 3])]).tolist() == [True, False, False]
