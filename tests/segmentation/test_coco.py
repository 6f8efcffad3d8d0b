"""COCO's classes, as the networks number them."""

from __future__ import annotations

import json

from segmentation.coco import CATEGORIES, NAMES, categories


def test_ids_are_those_of_coco():
    gaps = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    assert [number for number, _ in CATEGORIES] == sorted(set(range(1, 91)) - gaps)


def test_names_are_those_of_coco():
    assert dict(CATEGORIES)[13] == "stop sign"
    assert dict(CATEGORIES)[90] == "toothbrush"
    assert NAMES[:3] == ("person", "bicycle", "car")
    assert NAMES.index("dog") == 16
    assert len(set(NAMES)) == 80


def test_all_agree_with_annotations_of_coco(shared_data):
    document = json.loads((shared_data / "stills/coco_multi/annotations.json").read_text())
    assert CATEGORIES == tuple((each["id"], each["name"]) for each in document["categories"])


def test_numbers_of_the_data_come_before_those_of_coco():
    assert categories(["dog", "käfer"]) == ((18, "dog"), (1002, "käfer"))
    assert categories(["dog", "käfer"], [3, 0]) == ((3, "dog"), (0, "käfer"))
