"""Masks at a frame's size, as RLE and as polygons."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from stream.frame import Output
from stream.sinks.instances.masks import at_frame_size, to_polygons, to_rle
from tests.stand_ins.fakes import discs, output_of


def output(size_hw: tuple[int, int], seen_hw: tuple[int, int], num: int = 3) -> Output:
    image = np.zeros((*size_hw, 3), np.uint8)
    return output_of(image, 0, 0.0, instances=discs(seen_hw, num))


def filled(polygons: list[list[int]], size_hw: tuple[int, int]) -> np.ndarray:
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, *size_hw)))


@pytest.mark.parametrize(
    ("size_hw", "seen_hw"), [((31, 45), (31, 45)), ((95, 171), (31, 45)), ((20, 33), (31, 45))]
)
def test_masks_and_boxes_are_in_pixels_of_the_frame(size_hw, seen_hw):
    found = list(at_frame_size(output(size_hw, seen_hw)))
    whole = discs(seen_hw).scaled_to(size_hw)
    assert len(found) == 3
    for rank, (one, mask) in enumerate(found):
        assert (mask == np.where(whole.masks[rank] >= 128, 255, 0)).all()
        assert 0 < np.count_nonzero(mask) < mask.size
        assert (one.boxes[0] == whole.boxes[rank]).all()
        assert one.labels[0] == rank


def test_inside_begins_at_128():
    image = np.zeros((1, 3, 3), np.uint8)
    instances = discs((1, 3), 1)
    instances.masks[0] = [[127, 128, 255]]
    ((_, mask),) = at_frame_size(output_of(image, 0, 0.0, instances=instances))
    assert mask.tolist() == [[0, 255, 255]]


def test_nothing_known_and_nothing_found_give_nothing():
    empty = output((8, 9), (8, 9), 0)
    assert list(at_frame_size(empty)) == []
    assert list(at_frame_size(Output(empty.frame, empty.picture, None, None))) == []


def test_one_instance_at_a_time_is_held_at_full_size():
    many = output((1080, 1920), (54, 96), 40)
    tracemalloc.start()
    for _ in at_frame_size(many):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * 1080 * 1920


def test_rle_is_the_mask():
    rng = np.random.default_rng(0)
    for size_hw in ((1, 1), (1, 7), (5, 3), (48, 31)):
        mask = np.where(rng.random(size_hw) < 0.5, 255, 0).astype(np.uint8)
        rle = to_rle(mask)
        assert rle["size"] == list(size_hw)
        assert isinstance(rle["counts"], str)
        assert (coco_mask.decode(rle) * 255 == mask).all()
    assert not coco_mask.decode(to_rle(np.zeros((4, 5), np.uint8))).any()


def test_polygons_fill_to_the_mask_exactly():
    rng = np.random.default_rng(1)
    for _ in range(400):
        height, width = (int(side) for side in rng.integers(1, 14, 2))
        mask = np.where(rng.random((height, width)) < rng.random(), 255, 0).astype(np.uint8)
        polygons = to_polygons(mask)
        assert bool(polygons) == bool(mask.any())
        if polygons:
            assert (filled(polygons, (height, width)) * 255 == mask).all()


def test_polygons_follow_the_edges_of_pixels():
    mask = np.zeros((6, 9), np.uint8)
    mask[2:4, 3:8] = 255
    (polygon,) = to_polygons(mask)
    assert sorted(zip(polygon[::2], polygon[1::2], strict=True)) == [(3, 2), (3, 4), (8, 2), (8, 4)]


def test_hole_is_cut_through_and_not_filled():
    mask = np.full((7, 9), 255, np.uint8)
    mask[3, 4] = 0
    polygons = to_polygons(mask)
    assert len(polygons) == 2
    assert (filled(polygons, (7, 9)) * 255 == mask).all()
    ring = discs((60, 80)).masks[2] >= 128
    assert not ring[30, 60], "the test needs a hole"
    polygons = to_polygons(ring.astype(np.uint8))
    assert (filled(polygons, (60, 80)) == ring).all()


def test_mask_is_left_as_it_was():
    mask = np.full((7, 9), 255, np.uint8)
    mask[3, 4] = 0
    before = mask.copy()
    mask.setflags(write=False)
    to_polygons(mask)
    to_rle(mask)
    assert (mask == before).all()
