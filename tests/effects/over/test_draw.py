"""Instances drawn on a picture."""

from __future__ import annotations

import numpy as np
import pytest

from effects import draw_instances
from tests.inputs.pictures import SIZES_HW, noise


def test_instances_are_drawn_inside_their_boxes_and_labels() -> None:
    image = np.full((360, 640, 3), 80, np.uint8)
    image.setflags(write=False)
    boxes = np.array([[100, 120, 200, 300], [400, 5, 700, 200]], np.float32)
    masks = np.zeros((2, 90, 160), np.uint8)
    masks[0, 40:60, 30:45] = 255
    colours = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)
    drawn = draw_instances(image, boxes, masks, ["person 0.98", "dog"], colours)
    assert (image == 80).all()
    assert drawn.shape == image.shape
    inside = drawn[200, 150].astype(int)
    assert inside[0] > 100 > inside[1]
    assert tuple(drawn[200, 100]) == (255, 0, 0)
    assert tuple(drawn[199, 500]) == (0, 0, 255)
    changed = (drawn != image).any(axis=2)
    assert not changed[310:].any()
    assert not changed[:, :90].any()
    label = drawn[100:120, 100:200]
    assert (label == (255, 0, 0)).all(axis=2).sum() > 400  # the plate
    assert (label == 255).all(axis=2).any()  # the letters on it


def test_first_instance_is_drawn_on_top() -> None:
    boxes = np.array([[20, 40, 80, 90], [20, 40, 80, 90]], np.float32)
    colours = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)
    masks = np.zeros((2, 10, 10), np.uint8)
    drawn = draw_instances(np.zeros((100, 120, 3), np.uint8), boxes, masks, ["", ""], colours)
    assert tuple(drawn[60, 20]) == (255, 0, 0)
    assert tuple(drawn[89, 50]) == (255, 0, 0)


def test_drawing_no_instances_changes_nothing() -> None:
    image = noise((30, 40))
    drawn = draw_instances(
        image,
        np.zeros((0, 4), np.float32),
        np.zeros((0, 8, 8), np.uint8),
        [],
        np.zeros((0, 3), np.uint8),
    )
    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image


def test_drawing_rejects_lists_of_different_lengths() -> None:
    with pytest.raises(ValueError, match="as many boxes, masks, texts and colours"):
        draw_instances(
            noise((8, 8)),
            np.zeros((1, 4), np.float32),
            np.zeros((1, 8, 8), np.uint8),
            [],
            np.zeros((1, 3), np.uint8),
        )


@pytest.mark.parametrize("size_hw", SIZES_HW)
def test_instances_are_drawn_on_any_size(size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    drawn = draw_instances(
        np.zeros((*size_hw, 3), np.uint8),
        np.array([[-5, -5, width + 5, height + 5]], np.float32),
        np.full((1, 3, 4), 255, np.uint8),
        ["a text longer than the frame is wide"],
        np.array([[200, 100, 50]], np.uint8),
    )
    assert drawn.shape == (*size_hw, 3)
    assert drawn.any()
