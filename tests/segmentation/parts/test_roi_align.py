"""RoIAlign over a pyramid against the definition of `crop_and_resize`."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from segmentation.parts.roi_align import (  # noqa: E402
    PyramidRoIAlign,
    WholeCrop,
    adaptive_roi_align,
    area_level,
    join_levels,
    pyramid_level,
)

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


# === Adaptive sampling ===


def test_level_by_the_share_of_the_image() -> None:
    """ceil(5 - log2(image / box)), limited to levels 3 to 5; at the borders exactly."""
    image_area = 600.0 * 901.0
    shares = np.array([2, 1, 0.51, 0.5, 0.49, 0.26, 0.25, 0.24, 0.01, 1e-9, 0])
    wanted = [2, 2, 2, 1, 1, 1, 0, 0, 0, 0, 0]
    formula = np.ceil(5 - np.log2(1 / shares[:-1])).clip(3, 5) - 3
    assert formula.tolist() == wanted[:-1]
    width = 1000.0
    boxes = np.stack(
        [0 * shares - 50, 0 * shares, image_area * shares / width - 50, 0 * shares + width], axis=1
    )
    levels = area_level(boxes.astype(np.float64), image_area=image_area, num_levels=3)
    assert keras.ops.convert_to_numpy(levels).tolist() == wanted


def bin_mean(level: np.ndarray, first: np.ndarray, last: np.ndarray, grid: int) -> np.ndarray:
    """Average samples as Detectron2 defines it, in pixels of the level, 0 = first centre."""
    size = (last - first) / grid
    num = np.clip(np.ceil(size), 1, 16).astype(int)
    crop = np.zeros((grid, grid, level.shape[2]))
    for place in np.ndindex(grid, grid):
        for sample in np.ndindex(*num):
            y, x = first + (place + (np.array(sample) + 0.5) / num) * size
            if -1 <= y <= level.shape[0] and -1 <= x <= level.shape[1]:
                crop[place] += bilinear(level, y, x) / np.prod(num)
    return crop


def bilinear(level: np.ndarray, y: float, x: float) -> np.ndarray:
    (top, down), (left, right) = (
        (int(position), position - int(position))
        for position in np.clip([y, x], 0, np.array(level.shape[:2]) - 1)
    )
    rows = level[top : top + 2, left : left + 2]
    weights = np.outer([1 - down, down], [1 - right, right])[: rows.shape[0], : rows.shape[1]]
    return np.einsum("yx,yxc", weights, rows)


def test_adaptive_crops_equal_the_definition() -> None:
    """Boxes of less than a pixel, of many samples, beyond every border and empty."""
    rng = np.random.default_rng(0)
    levels = [rng.normal(size=(2, *size, 3)).astype(np.float32) for size in SIZES[:3]]
    strides = (4, 8, 16)
    first = rng.uniform(-40, 90, (2, 8, 2))
    extent = np.exp(rng.uniform(np.log(1), np.log(200), (2, 8, 2)))
    boxes = np.concatenate([first, first + extent], axis=2).astype(np.float32)
    boxes[0, 0] = [0, 0, 128, 96]
    boxes[1, 1] = [300, 10, 400, 20]
    boxes[1, 2] = 0
    which = rng.integers(0, 3, (2, 8))
    crops = keras.ops.convert_to_numpy(
        adaptive_roi_align(boxes, which, levels, strides=strides, grid=5)
    )
    for image, index in np.ndindex(2, 8):
        level = which[image, index]
        edges = boxes[image, index] / strides[level] - 0.5
        wanted = bin_mean(levels[level][image].astype(float), edges[:2], edges[2:], 5)
        np.testing.assert_allclose(crops[image, index], wanted, atol=1e-5)
    assert not crops[1, 1].any()
    assert np.abs(crops).max() > 1


def test_no_more_than_sixteen_samples_in_a_bin() -> None:
    level = np.random.default_rng(1).normal(size=(1, 90, 90, 2)).astype(np.float32)
    box = np.array([[[0, 0, 90, 85]]], np.float32)
    crops = adaptive_roi_align(box, np.zeros((1, 1), int), [level], strides=(1,), grid=4)
    wanted = bin_mean(level[0].astype(float), np.full(2, -0.5), np.array([89.5, 84.5]), 4)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(crops)[0, 0], wanted, atol=1e-5)


def test_whole_crop_is_a_convolution() -> None:
    crops = np.random.default_rng(2).normal(size=(2, 3, 4, 5, 6)).astype(np.float32)
    layer = WholeCrop(7)
    flat = layer(crops)
    wanted = np.einsum("npyxc,yxco->npo", crops, keras.ops.convert_to_numpy(layer.kernel))
    assert flat.shape == (2, 3, 1, 1, 7)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(flat)[:, :, 0, 0], wanted, atol=1e-5)
