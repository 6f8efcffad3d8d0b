"""Anchors, deltas, overlap and non-maximum suppression against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from segmentation.parts import boxes  # noqa: E402

MATTERPORT = {
    "strides": (4, 8, 16, 32, 64),
    "scales_px": (32, 64, 128, 256, 512),
    "ratios": (0.5, 1, 2),
}


def array(tensor: object) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def random_boxes(num: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    first = rng.uniform(0, 0.8, (num, 2))
    return np.concatenate([first, first + rng.uniform(0.02, 0.3, (num, 2))], 1).astype(np.float32)


def plain_iou(one: np.ndarray, other: np.ndarray) -> float:
    height = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    width = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return height * width / (areas - height * width) if areas else 0.0


def plain_nms(rows: np.ndarray, alive: np.ndarray, max_iou: float, labelled: bool) -> list[int]:
    kept: list[int] = []
    for index in np.flatnonzero(alive):
        if not any(
            plain_iou(rows[index], rows[other]) > max_iou
            and (not labelled or rows[index][4] == rows[other][4])
            for other in kept
        ):
            kept.append(int(index))
    return kept


def test_number_of_anchors() -> None:
    assert len(boxes.pyramid_anchors((1024, 1024), **MATTERPORT)) == 261_888
    assert len(boxes.pyramid_anchors((320, 320), **MATTERPORT)) == 25_575


def test_order_and_place_of_anchors() -> None:
    anchors = boxes.pyramid_anchors((128, 64), **MATTERPORT)
    half = 16.0
    np.testing.assert_allclose(anchors[1], [-half, -half, half, half])
    np.testing.assert_allclose(anchors[4], [-half, 4 - half, half, 4 + half])
    np.testing.assert_allclose(anchors[3 * 16 + 1], [4 - half, -half, 4 + half, half])
    tall, wide = anchors[0], anchors[2]
    np.testing.assert_allclose(tall[2:], [half * 2**0.5, half / 2**0.5])
    np.testing.assert_allclose(wide[2:], [half / 2**0.5, half * 2**0.5])
    np.testing.assert_allclose(anchors[3 * 32 * 16 + 1], [-32, -32, 32, 32])


def test_deltas() -> None:
    moved = boxes.apply_deltas(
        np.array([[10.0, 20.0, 20.0, 40.0]], np.float32),
        np.array([[0.1, -0.5, np.log(2.0), 0.0]], np.float32),
    )
    np.testing.assert_allclose(array(moved), [[6, 10, 26, 30]], rtol=1e-6)


def test_clip_to_the_window_of_each_image() -> None:
    window = np.array([[0, 0, 1, 1], [0.25, 0, 0.75, 1]], np.float32)
    clipped = array(boxes.clip(np.array([[[-1, -1, 2, 2]]] * 2, np.float32), window))
    np.testing.assert_array_equal(clipped[:, 0], window)


def test_iou() -> None:
    one, other = random_boxes(20, 1), random_boxes(30, 2)
    one[3] = 0
    other[4] = 0
    wanted = [[plain_iou(a, b) for b in other] for a in one]
    np.testing.assert_allclose(array(boxes.iou(one[None], other[None]))[0], wanted, atol=1e-6)


def test_take_rows_of_each_image() -> None:
    rows = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    index = np.array([[3, 0], [1, 1]])
    wanted = np.stack([rows[0, index[0]], rows[1, index[1]]])
    np.testing.assert_array_equal(array(boxes.take_rows(rows, index, 2)), wanted)


@pytest.mark.parametrize("block", [1000, 64, 37])
@pytest.mark.parametrize("labelled", [False, True])
def test_suppression_equals_the_loop(
    block: int, labelled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "NMS_BLOCK", block)
    rng = np.random.default_rng(3)
    labels = rng.integers(1, 4, (2, 200, 1)).astype(np.float32)
    payload = np.arange(400, dtype=np.float32).reshape(2, 200, 1)
    rows = np.concatenate(
        [np.stack([random_boxes(200, 4), random_boxes(200, 5)]), labels, payload], axis=2
    )
    alive = rng.random((2, 200)) < 0.9
    result = array(
        boxes.non_max_suppression(
            rows, alive, max_iou=0.3, num_kept=150, num_images=2, labelled=labelled
        )
    )
    for image in range(2):
        kept = plain_nms(rows[image], alive[image], 0.3, labelled)
        assert 20 < len(kept) < 150
        np.testing.assert_array_equal(result[image, : len(kept)], rows[image, kept])
        assert (result[image, len(kept) :] == 0).all()


def test_suppression_stops_at_the_number_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "NMS_BLOCK", 50)
    rows = random_boxes(300, 6)
    kept = plain_nms(rows, np.ones(300, bool), 0.7, labelled=False)[:120]
    result = boxes.non_max_suppression(
        rows[None], np.ones((1, 300), bool), max_iou=0.7, num_kept=120, num_images=1,
        labelled=False,
    )  # fmt: skip
    np.testing.assert_array_equal(array(result)[0], rows[kept])


def test_chain_of_overlaps() -> None:
    """Each box overlaps the next only: every second one stays, however long the chain."""
    start = np.arange(41, dtype=np.float32) * 0.6
    rows = np.stack([start, 0 * start, start + 1, 0 * start + 1], axis=1)
    result = boxes.non_max_suppression(
        rows[None], np.ones((1, 41), bool), max_iou=0.2, num_kept=41, num_images=1, labelled=False
    )
    np.testing.assert_array_equal(array(result)[0, :21], rows[::2])
    assert (array(result)[0, 21:] == 0).all()


def test_suppression_passes_over_what_does_not_count() -> None:
    """Also where all that counts lies in the last of several blocks, or nothing does."""
    rows = random_boxes(300, 7)
    alive = np.stack([np.arange(300) >= 290, np.zeros(300, bool)])
    kept = plain_nms(rows, alive[0], 0.5, labelled=False)
    result = array(
        boxes.non_max_suppression(
            np.stack([rows, rows]), alive, max_iou=0.5, num_kept=10, num_images=2, labelled=False
        )
    )
    assert len(kept) > 3
    np.testing.assert_array_equal(result[0, : len(kept)], rows[kept])
    assert not result[1].any()


def test_batches_end_where_padding_begins() -> None:
    detections = np.random.default_rng(0).uniform(0.1, 1, (2, 20, 6)).astype(np.float32)
    detections[0, 7:, 5] = 0
    detections[1, 11:, 5] = 0
    seen = []

    def step(rows: object) -> tuple:
        seen.append(rows.shape)  # type: ignore[attr-defined]
        flat = keras.ops.reshape(rows, (-1, 6))
        return flat[:, :4], keras.ops.sum(flat, axis=1)

    copies, sums = (array(x) for x in boxes.in_batches(step, detections, [(4,), ()]))
    assert set(seen) == {(2, 5, 6)}
    for image, count in ((0, 7), (1, 11)):
        found = detections[image, :count]
        np.testing.assert_allclose(copies[image, :count], found[:, :4])
        np.testing.assert_allclose(sums[image, :count], found.sum(axis=1), rtol=1e-6)
        assert not copies[image, count:].any()
        assert not sums[image, count:].any()
