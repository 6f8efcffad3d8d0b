"""People found at several sizes of the input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segmentation.instances import Instances
from segmentation.loading import load
from segmentation.mask_rcnn.segmenter import MaskRCNN
from segmentation.person.segmenter import LARGE_SIZES_HW, SIZES_HW
from segmentation.person.several_sizes import MAX_IOU, SeveralSizes, merged
from segmentation.portrait.segmenter import FINE
from segmentation.segmenter import DetailedSegmenter


def people(*rows: tuple[float, tuple[int, int, int, int]]) -> Instances:
    """Instances of a score and a box each, whose masks are their boxes."""
    masks = np.zeros((len(rows), 40, 60), np.uint8)
    for mask, (_, (x1, y1, x2, y2)) in zip(masks, rows, strict=True):
        mask[y1:y2, x1:x2] = 255
    boxes = np.array([box for _, box in rows], np.int32).reshape(-1, 4)[:, [1, 0, 3, 2]]
    scores = np.array([score for score, _ in rows], np.float32)
    return Instances.untracked(boxes, scores, np.zeros(len(rows), np.int32), masks)


def test_everybody_is_found_once_as_the_most_certain_size_sees_them():
    small = people((0.9, (0, 0, 30, 40)), (0.3, (41, 10, 49, 30)))
    large = people((0.8, (40, 10, 48, 30)), (0.6, (1, 0, 30, 38)), (0.5, (52, 0, 58, 12)))
    found = merged([small, large])
    assert found.scores.tolist() == pytest.approx([0.9, 0.8, 0.5])
    assert found.boxes.tolist() == [[0, 0, 30, 40], [40, 10, 48, 30], [52, 0, 58, 12]]
    assert found.masks.reshape(3, -1).sum(axis=1).tolist() == [255 * n for n in (1200, 160, 72)]


def test_who_fills_a_quarter_of_the_picture_is_found_at_the_small_size_alone():
    class Finds:
        name, classes, device, max_input = "mask-rcnn-person", ("person",), "CPU", 448
        max_images, fast, separates_objects = 1, False, True

        def __init__(self, *rows: tuple[float, tuple[int, int, int, int]]) -> None:
            self.found = people(*rows)

        def segment(self, images: np.ndarray) -> list[Instances]:
            return [self.found] * len(images)

    small = Finds((0.7, (0, 0, 30, 21)))
    large = Finds((0.9, (0, 0, 30, 21)), (0.8, (30, 0, 60, 21)), (0.6, (30, 20, 60, 40)))
    for found in SeveralSizes([small, large]).segment(np.zeros((2, 40, 60, 3), np.uint8)):
        assert found.scores.tolist() == pytest.approx([0.7, 0.6])


def test_neighbours_whose_boxes_overlap_less_are_two():
    both = [people((0.9, (0, 0, 30, 30))), people((0.8, (11, 0, 41, 30)))]
    assert 19 / 41 < MAX_IOU < 21 / 39
    assert len(merged(both)) == 2
    both[1] = people((0.8, (9, 0, 39, 30)))
    assert len(merged(both)) == 1


def test_boxes_overlap_as_far_as_those_of_one_size():
    pytest.importorskip("keras")
    from segmentation.person.network import person_config

    assert person_config(SIZES_HW[0]).max_detection_iou == MAX_IOU


@pytest.mark.parametrize("num", [0, 1])
def test_nobody_may_be_found_at_a_size_or_at_any(num):
    found = merged([people(), people(*[(0.7, (0, 0, 9, 9))] * num)])
    assert found.scores.tolist() == pytest.approx([0.7] * num)
    assert found.masks.shape == (num, 40, 60)


@pytest.mark.parametrize(
    ("detail", "of_photos", "of_frames"), [("auto", 2, 1), ("live", 1, 1), ("fine", 2, 2)]
)
def test_what_detail_means(monkeypatch, detail, of_photos, of_frames):
    shown: list[tuple[int, ...]] = []

    def noted(self: MaskRCNN, images: np.ndarray, num: int) -> list[Instances]:
        shown.append(self.prepare(images, self.size)[0].shape[1:3])
        return [people()] * num

    monkeypatch.setattr(MaskRCNN, "_segment_batch", noted)
    person = load("mask-rcnn-person", detail=detail)
    assert isinstance(person, DetailedSegmenter)
    for segmenter, num in ((person, of_photos), (person.for_frames(), of_frames)):
        shown.clear()
        assert [len(found) for found in segmenter.segment(np.zeros((1, 90, 120, 3), np.uint8))] == [
            0
        ]
        assert shown == [SIZES_HW[2], LARGE_SIZES_HW[2]][:num]
        assert segmenter.max_input == (448 if num == 1 else 640)
        outlines: Any = segmenter.union
        assert len(outlines._views) == (1 if num == 1 else len(FINE))
    frames = person.for_frames()
    assert frames.for_frames() is frames


def test_a_group_of_one_is_that_one():
    assert SeveralSizes([load("mask-rcnn-person", detail="live")]).name == "mask-rcnn-person"
