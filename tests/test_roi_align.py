"""RoIAlign over a pyramid against the definition of `crop_and_resize`."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from segmentation.roi_align import PyramidRoIAlign, join_levels, pyramid_level  # noqa: E402

SIZES = [(32, 24), (16, 12), (8, 6), (4, 3)]
AREA = 128 * 96


def plain_crop(level: np.ndarray, box: np.ndarray, grid: int) -> np.ndarray:
    height, width = level.shape[:2]
    crop = np.zeros((grid, grid, level.shape[2]))
    for i in range(grid):
        for j in range(grid):
            y = (box[0] + (box[2] - box[0]) * i / (grid - 1)) * (height - 1)
            x = (box[1] + (box[3] - box[1]) * j / (grid - 1)) * (width - 1)
            if not (0 <= y <= height - 1 and 0 <= x <= width - 1):
                continue
            top, left = int(y), int(x)
            for v, weight_y in ((top, 1 - (y - top)), (min(top + 1, height - 1), y - top)):
                for u, weight_x in ((left, 1 - (x - left)), (min(left + 1, width - 1), x - left)):
                    crop[i, j] += level[v, u] * weight_y * weight_x
    return crop


def test_level_doubles_with_the_side() -> None:
    sides = np.array([1, 100, 224 / 4, 224 / 2, 224, 448, 2000, 224 / 2**1.51, 0]) / 1000
    rows = np.stack([0 * sides, 0 * sides, sides, sides], axis=1).astype(np.float32)
    levels = keras.ops.convert_to_numpy(pyramid_level(rows, image_area=1e6))
    assert levels.tolist() == [2, 3, 2, 3, 4, 5, 5, 2, 2]


def test_equals_the_definition_for_several_images() -> None:
    rng = np.random.default_rng(0)
    levels = [rng.normal(size=(2, *size, 5)).astype(np.float32) for size in SIZES]
    first = rng.uniform(-0.2, 0.6, (2, 30, 2))
    extent = np.exp(rng.uniform(np.log(0.05), np.log(3), (2, 30, 2)))
    boxes = np.concatenate([first, first + extent], axis=2).astype(np.float32)
    boxes[0, 0] = [0, 0, 1, 1]
    boxes[1, 1] = 0
    align = PyramidRoIAlign(7, sizes_hw=SIZES, image_area=AREA * 30, num_images=2)
    crops = keras.ops.convert_to_numpy(align(boxes, join_levels(levels)))
    chosen = keras.ops.convert_to_numpy(pyramid_level(boxes, image_area=AREA * 30))
    assert set(chosen.ravel()) == {2, 3, 4, 5}
    for image in range(2):
        for box, level, crop in zip(boxes[image], chosen[image], crops[image], strict=True):
            wanted = plain_crop(levels[level - 2][image], box.astype(float), 7)
            far = np.abs(crop - wanted).max(axis=2) > 1e-3
            assert far.sum() <= 1, box


def test_as_many_boxes_as_images() -> None:
    rng = np.random.default_rng(1)
    levels = [rng.normal(size=(3, *size, 2)).astype(np.float32) for size in SIZES]
    boxes = np.tile(np.array([[0.1, 0.2, 0.6, 0.9]], np.float32), (3, 3, 1))
    align = PyramidRoIAlign(3, sizes_hw=SIZES, image_area=AREA * 30, num_images=3)
    crops = keras.ops.convert_to_numpy(align(boxes, join_levels(levels)))
    level = int(pyramid_level(boxes, image_area=AREA * 30)[0, 0]) - 2
    for image in range(3):
        wanted = plain_crop(levels[level][image], boxes[0, 0].astype(float), 3)
        np.testing.assert_allclose(crops[image], np.tile(wanted, (3, 1, 1, 1)), atol=1e-5)
