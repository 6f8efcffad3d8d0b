"""Which objects are foreground."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from segmentation.instances import Instances
from segmentation.segmenter import check_classes
from stream.foreground import Keep, Picked, Wanted, parse_keep


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
    assert parse_keep("person") == Wanted({"person": None})
    assert parse_keep("person:1, traffic light ,dog:12") == Wanted(
        {"person": 1, "traffic light": None, "dog": 12}
    )
    assert parse_keep("#3,dog,#12,#3") == Wanted({"dog": None}, frozenset((3, 12)))


def test_marks_within_names_have_a_backslash_before_them():
    wanted = Wanted({"bolt, M8": 2, "size:3": None, "#3": None, "a\\": None})
    assert parse_keep(r"bolt\, M8:2,size\:3,\#3,a\\") == wanted
    with pytest.raises(ValueError, match=r"'bolt, M8', on the command line 'bolt\\, M8'\?"):
        Keep.of(parse_keep("bolt M8"), ("bolt, M8", "nut"))


def test_letters_are_the_same_in_both_forms():
    assert parse_keep("ka\u0308fer") == parse_keep("k\u00e4fer") == Wanted({"k\u00e4fer": None})


@pytest.mark.parametrize("text", ["a:b:1", "person:²", "#²"])
def test_numbers_are_of_digits_and_one(text):
    with pytest.raises(ValueError, match="must look like"):
        parse_keep(text)


@pytest.mark.parametrize("text", ["", "person,", "person:", "person:0", "person:x", ":1"])
def test_keep_that_makes_no_sense(text):
    with pytest.raises(ValueError, match="must look like"):
        parse_keep(text)


@pytest.mark.parametrize(
    ("numbers", "objects", "forms", "refused"),
    [
        (True, True, "person,dog or person:1 or #3", ["#"]),
        (True, False, "person,dog or person:1", ["#3", "dog,#3"]),
        (False, True, "person,dog or #3", ["person:1", "dog,person:1"]),
        (False, False, "person,dog", ["#3", "person:1", "person:x"]),
    ],
)
def test_what_is_not_allowed_is_refused_and_not_suggested(numbers, objects, forms, refused):
    for text in refused:
        with pytest.raises(ValueError, match=f"^must look like {forms}, got {text!r}$"):
            parse_keep(text, numbers_allowed=numbers, objects_allowed=objects)
    for form in forms.split(" or "):
        assert parse_keep(form, numbers_allowed=numbers, objects_allowed=objects)


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


def test_class_that_the_network_does_not_know_is_refused():
    with pytest.raises(ValueError, match="no class 'dgo'; did you mean 'dog'"):
        Keep.of(parse_keep("#3,dgo"), ("cat", "dog"))


def with_ids(*ids: int) -> Instances:
    return replace(objects([0] * len(ids)), ids=np.array(ids, np.int32))


def test_ids_are_unseen_until_an_object_has_them():
    keep = Keep.of(parse_keep("cat,#3,#77"), ("cat", "dog"))
    assert keep.unseen == {3, 77}
    keep(with_ids(5, 1))
    assert keep.unseen == {3, 77}
    keep(with_ids(1, 3))
    keep(with_ids(1))
    assert keep.unseen == {77}
    Picked(keep, dropped=frozenset((77,)))(with_ids(77))
    assert keep.unseen == set()
    assert keep.ids == {3, 77}


def test_ids_that_several_threads_see_at_once_are_all_seen():
    num_threads, num_ids = 4, 1000
    keep = Keep({}, frozenset(range(num_threads * num_ids)))
    together = threading.Barrier(num_threads)

    def see(first: int) -> None:
        together.wait()
        for number in range(first, num_threads * num_ids, num_threads):
            keep.chosen(with_ids(number))

    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=see, args=(first,)) for first in range(num_threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval_s)
    assert keep.unseen == set()
