"""Parts of RF-DETR against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from segmentation.rf_detr.decoder import (  # noqa: E402
    NUM_POINTS,
    NUM_SIGHT_HEADS,
    DeformableSight,
)
from segmentation.rf_detr.encoder import in_windows, without_windows  # noqa: E402
from segmentation.rf_detr.pieces import attend  # noqa: E402
from segmentation.rf_detr.positions import cubic_matrix, positions_for  # noqa: E402
from segmentation.rf_detr.proposals import Chosen, anchors  # noqa: E402
from segmentation.rf_detr.segmenter import RFDETR, to_instances  # noqa: E402


@pytest.mark.parametrize(
    ("side", "num"), [(26, 676), (42, 1764), (49, 2401), (50, 48**2), (52, 50**2), (64, 62**2)]
)
def test_the_outermost_anchors_of_large_maps_do_not_count(side: int, num: int) -> None:
    boxes, counts = anchors((side, side))
    assert np.count_nonzero(counts) == num
    ring = np.ones((side, side), bool)
    ring[1:-1, 1:-1] = False
    assert counts.reshape(side, side)[~ring].all()
    assert counts.reshape(side, side)[ring].all() or not counts.reshape(side, side)[ring].any()
    np.testing.assert_allclose(boxes[1], [1.5 / side, 0.5 / side, 0.05, 0.05], rtol=1e-6)


def test_places_are_chosen_best_first_by_their_largest_logit() -> None:
    logits = np.array([[[0, 1], [5, -9], [2, 2], [-1, 4]]], np.float32)
    memory = np.arange(8, dtype=np.float32).reshape(1, 4, 2)
    boxes = np.arange(16, dtype=np.float32).reshape(4, 4)
    found = [keras.ops.convert_to_numpy(x) for x in Chosen(3, boxes)(memory, logits)]
    assert found[2].tolist() == [[1, 3, 2]]
    np.testing.assert_array_equal(found[0], memory[:, [1, 3, 2]])
    np.testing.assert_array_equal(found[1], boxes[None, [1, 3, 2]])


def test_windows_are_cut_row_by_row_and_put_back() -> None:
    image = np.arange(4 * 6, dtype=np.float32).reshape(1, 4, 6, 1)
    cut = keras.ops.convert_to_numpy(in_windows(image, 2))
    assert cut[1, :, 0].tolist() == [3, 4, 5, 9, 10, 11]
    assert cut[2, :, 0].tolist() == [12, 13, 14, 18, 19, 20]
    np.testing.assert_array_equal(without_windows(cut, (4, 6), 2), image)


def test_attention_by_its_definition() -> None:
    rng = np.random.default_rng(0)
    query, key, value = (rng.normal(size=(2, num, 6)).astype(np.float32) for num in (3, 5, 5))
    found = keras.ops.convert_to_numpy(attend(query, key, value, 2))
    for window, head in np.ndindex(2, 2):
        part = np.s_[window, :, 3 * head : 3 * head + 3]
        weights = np.exp(query[part] @ key[part].T / np.sqrt(3))
        wanted = weights / weights.sum(axis=1, keepdims=True) @ value[part]
        np.testing.assert_allclose(found[part], wanted, atol=1e-5)


def test_sight_by_its_definition() -> None:
    rng = np.random.default_rng(0)
    heads, points, depth, (height, width), num = NUM_SIGHT_HEADS, NUM_POINTS, 2, (5, 7), 3
    value = rng.normal(size=(1, height, width, heads * depth)).astype(np.float32)
    offsets = rng.normal(0, 3, (1, num, heads * points * 2)).astype(np.float32)
    strength = rng.normal(size=(1, num, heads * points)).astype(np.float32)
    boxes = rng.uniform(0.1, 0.9, (1, num, 4)).astype(np.float32)
    found = DeformableSight()(value, offsets, strength, boxes)
    wanted = np.zeros((num, heads, depth))
    moves = offsets.reshape(num, heads, points, 2)
    weights = np.exp(strength.reshape(num, heads, points))
    weights /= weights.sum(axis=2, keepdims=True)
    padded = np.pad(value[0], ((40, 40), (40, 40), (0, 0))).reshape(height + 80, -1, heads, depth)
    for query, head, point in np.ndindex(num, heads, points):
        centre, size = boxes[0, query, :2], boxes[0, query, 2:]
        place = (centre + moves[query, head, point] / points * size / 2) * [width, height] - 0.5
        x, y = place
        for row, column in np.ndindex(2, 2):
            at_y, at_x = int(np.floor(y)) + row, int(np.floor(x)) + column
            share = (1 - abs(y - at_y)) * (1 - abs(x - at_x)) * weights[query, head, point]
            wanted[query, head] += share * padded[at_y + 40, at_x + 40, head]
    np.testing.assert_allclose(found[0], wanted.reshape(num, -1), atol=2e-5)


# === Positions ===


@pytest.mark.parametrize(("num_in", "num_out"), [(26, 32), (26, 20), (10, 40), (40, 11), (7, 7)])
def test_positions_are_resized_as_in_pillow(num_in: int, num_out: int) -> None:
    """Its bicubic filter is anti-aliased and of the same sharpness."""
    from PIL import Image

    values = np.random.default_rng(0).normal(size=num_in).astype(np.float32)
    image = Image.fromarray(np.tile(values[:, None], (1, 2)))
    wanted = np.asarray(image.resize((2, num_out), Image.Resampling.BICUBIC))[:, 0]
    np.testing.assert_allclose(cubic_matrix(num_out, num_in) @ values, wanted, atol=1e-5)


def test_the_class_tokens_position_stays() -> None:
    table = np.random.default_rng(0).normal(size=(1, 17, 3)).astype(np.float32)
    assert positions_for(table, (4, 4)) is table
    resized = positions_for(table, (6, 2))
    assert resized.shape == (1, 13, 3)
    np.testing.assert_array_equal(resized[:, 0], table[:, 0])
    rows, columns = cubic_matrix(6, 4), cubic_matrix(2, 4)
    plane = rows @ table[0, 1:, 1].reshape(4, 4) @ columns.T
    np.testing.assert_allclose(resized[0, 1:, 1], plane.ravel(), atol=1e-6)


# === Objects ===


def objects(**changes: object) -> dict:
    """Return a query, one sure of two classes, one beyond the edge, and one that found nothing."""
    boxes = np.array(
        [[0.5, 0.5, 0.5, 0.2], [0.1, 0.9, 0.4, 0.4], [1.5, 0.5, 0.2, 0.2], [0.5] * 4], np.float32
    )
    logits = np.array([[-2, 1, -9], [3, -9, 0.5], [-9, -9, 5], [-9] * 3], np.float32)
    masks = np.full((4, 4, 4), 2, np.float32)
    masks[1] = -2
    least = np.full(3, 0.5, np.float32)
    return {
        "boxes": boxes,
        "logits": logits,
        "masks": masks,
        "least": least,
        "size_hw": (20, 40),
        **changes,
    }


def test_a_query_may_be_of_several_classes_and_a_box_beyond_the_edge_is_at_it() -> None:
    found = to_instances(**objects())
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp([-5.0, -3, -1, -0.5])), rtol=1e-6)
    assert found.labels.tolist() == [2, 0, 1, 2]
    wanted = [[39, 8, 40, 12], [0, 14, 12, 20], [10, 8, 30, 12], [0, 14, 12, 20]]
    np.testing.assert_allclose(found.boxes, wanted, atol=1e-5)
    assert (found.masks[[0, 2]] >= 128).all()
    assert (found.masks[[1, 3]] < 128).all()


def test_as_many_as_there_are_queries_at_most() -> None:
    logits = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)
    boxes = np.tile(np.array([0.5, 0.5, 0.5, 0.5], np.float32), (3, 1))
    changes = {"logits": logits, "boxes": boxes, "masks": np.ones((3, 4, 4), np.float32)}
    found = to_instances(**objects(**changes, least=np.zeros(3, np.float32)))
    assert found.labels.tolist() == [2, 1, 0]
    kept = to_instances(**objects(**changes, least=np.array([2, 0, 2])))
    assert kept.labels.tolist() == [1, 1, 1]


def test_extreme_logits_are_probabilities() -> None:
    found = to_instances(**objects(logits=np.array([[1e9, -1e9, -9]] * 4, np.float32)))
    assert found.scores.tolist() == [1, 1, 1, 1]


def test_outputs_without_a_class_are_passed_over() -> None:
    """As of those of COCO's ids that nothing has."""
    seen = []

    def network(image: np.ndarray) -> list[np.ndarray]:
        seen.append((image.shape, image.dtype, float(image.max())))
        boxes = np.full((1, 2, 4), 0.5, np.float32)
        logits = np.array([[[9, 1, 9, 2], [9, -5, 9, 3]]], np.float32)
        return [boxes, logits, np.ones((1, 2, 16, 16), np.float32)]

    segmenter = RFDETR(
        network, name="x", size=64, classes=("cat", "dog"), outputs=(1, 3), device="test"
    )
    (found,) = segmenter.segment(np.full((1, 10, 20, 3), 255, np.uint8))
    assert seen == [((1, 64, 64, 3), np.float32, 1.0)]
    assert found.labels.tolist() == [1, 1]
    assert segmenter.segment(np.zeros((0, 4, 4, 3), np.uint8)) == []
