"""Parts of CenterMask2 against their definitions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from segmentation.centermask.network import STRIDES, Detections  # noqa: E402
from segmentation.centermask.segmenter import (  # noqa: E402
    MEAN_BGR,
    CenterMask,
    photo_size,
    prepare,
    to_instances,
)


@pytest.mark.parametrize(
    ("size_hw", "sides", "wanted"),
    [
        ((426, 640), (600, 1000), (600, 901)),
        ((640, 480), (600, 1000), (800, 600)),
        ((1080, 1920), (600, 1000), (563, 1000)),
        ((426, 640), (800, 1333), (800, 1202)),
        ((2000, 2000), (800, 1333), (800, 800)),
        ((1, 5000), (600, 1000), (1, 1000)),
    ],
)
def test_size_of_a_photo(size_hw: tuple, sides: tuple, wanted: tuple) -> None:
    assert photo_size(size_hw, *sides) == wanted


def test_zeros_right_of_and_below_the_photo() -> None:
    image = np.full((70, 100, 3), (10, 20, 30), np.uint8)
    pixels, size_hw = prepare(image, 70, 200)
    assert size_hw == (70, 100)
    assert pixels.shape == (96, 128, 3)
    np.testing.assert_array_equal(
        pixels[:70, :100], np.float32([30, 20, 10]) - MEAN_BGR + 0 * pixels[:70, :100]
    )
    assert not pixels[70:].any()
    assert not pixels[:, 100:].any()


def test_usual_photos_share_few_shapes() -> None:
    rng = np.random.default_rng(0)
    shapes = {
        prepare(np.zeros((*size, 3), np.uint8), 60, 100)[0].shape
        for size in rng.integers(60, 100, (100, 2))
    }
    assert len(shapes) <= 7


def every_candidate(
    logits: np.ndarray, distances: np.ndarray, centerness: np.ndarray, stride: int
) -> list:
    """Return (score, label, box) of all pairs of a level, by the definition, best first."""
    probs, centred = (1 / (1 + np.exp(-x.astype(np.float64))) for x in (logits, centerness))
    found = []
    for row, column, label in np.argwhere(probs > 0.05):
        y, x = stride // 2 + row * stride, stride // 2 + column * stride
        left, up, right, down = distances[row, column] * stride
        score = np.sqrt(probs[row, column, label] * centred[row, column, 0])
        found.append((score, label, (y - up, x - left, y + down, x + right)))
    return sorted(found, reverse=True)[:1000]


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    height = min(one[2], other[2]) - max(one[0], other[0])
    width = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(height, 0) * max(width, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


@pytest.mark.parametrize(("mean", "num"), [(-1.5, 50), (-5.0, 20)])
def test_detections_by_their_definition(mean: float, num: int) -> None:
    """Levels with more and with fewer pairs than candidates, and one class not wanted."""
    rng = np.random.default_rng(1)
    sizes = [(24, 40), (12, 20), (6, 10), (3, 5), (2, 3)]
    logits = [rng.normal(mean, 1, (1, *size, 5)).astype(np.float32) for size in sizes]
    distances = [rng.uniform(3, 4.5, (1, *size, 4)).astype(np.float32) for size in sizes]
    centerness = [rng.normal(0, 1, (1, *size, 1)).astype(np.float32) for size in sizes]
    least = np.array([[0.1, 0.25, 2, 0.1, 0.1]], np.float32)
    candidates = [
        every_candidate(*(x[0] for x in level), stride)
        for *level, stride in zip(logits, distances, centerness, STRIDES, strict=True)
    ]
    assert (len(candidates[0]) == 1000) == (num == 50)
    kept: list = []
    for score, label, box in sorted((row for level in candidates for row in level), reverse=True):
        near = (overlap(box, other) for _, same, other in kept if same == label)
        if score >= least[0, label] and max(near, default=0) <= 0.6:
            kept.append((score, label, box))
    found = keras.ops.convert_to_numpy(Detections()(logits, distances, centerness, least))[0]
    assert num <= (found[:, 5] > 0).sum() == min(len(kept), 50)
    assert 2 not in found[: len(kept), 4]
    for row, (score, label, box) in zip(found, kept[:50], strict=True):
        assert row[4] == label
        np.testing.assert_allclose(row[5], score, rtol=1e-5)
        np.testing.assert_allclose(row[:4], box, atol=1e-3)


def test_objects_are_limited_to_the_photo_and_come_without_padding() -> None:
    boxes = np.array([[-8, 4, 20, 44], [2, -9, 6, -1], [0, 0, 0, 0], [10, 10, 10, 30]], np.float32)
    found, mask_scores = to_instances(
        boxes,
        np.array([0.7, 0.6, 0, 0.5], np.float32),
        np.array([4, 5, 0, 6], np.int32),
        np.ones((4, 28, 28), np.float32),
        np.array([0.3, 0.2, 0, 0.1], np.float32),
        photo_hw=(20, 40),
        size_hw=(10, 20),
    )
    assert found.labels.tolist() == [4]
    assert found.boxes.tolist() == [[2, 0, 20, 10]]
    assert mask_scores.tolist() == pytest.approx([0.3])
    assert (found.masks[0, :, 2:] >= 128).all()
    assert (found.masks[0, :, :2] < 128).all()


def fake(seen: list) -> CenterMask:
    def network(image: np.ndarray, size: np.ndarray, least: np.ndarray) -> list[np.ndarray]:
        seen.append((image.shape, size.tolist(), least.shape))
        score = (image + MEAN_BGR)[0, 0, 0, 0] / 255
        boxes = np.array([[[0, 0, *size[0]]]], np.float32)
        scores = np.array([[score]], np.float32)
        return [boxes, scores, np.zeros((1, 1), np.int32), np.ones((1, 1, 28, 28)), scores]

    return CenterMask(
        network,
        name="centermask-lite-v39",
        short_side=60,
        long_side=100,
        classes=("a", "b"),
        device="test",
    )


def test_each_result_belongs_to_its_image() -> None:
    seen: list = []
    images = np.zeros((3, 10, 20, 3), np.uint8)
    images[:] = np.array([51, 102, 204])[:, None, None, None]
    three = fake(seen).segment(images)
    assert seen == [((1, 64, 128, 3), [[50, 100]], (1, 2))] * 3
    np.testing.assert_allclose([found.scores for found in three], [[0.2], [0.4], [0.8]], 1e-5)
    assert [found.boxes.tolist() for found in three] == [[[0, 0, 20, 10]]] * 3
    assert fake(seen).segment(images[:0]) == []


def test_wrong_images() -> None:
    with pytest.raises(ValueError, match=r"got uint8 \(4, 4, 3\)"):
        fake([]).segment(np.zeros((4, 4, 3), np.uint8))
