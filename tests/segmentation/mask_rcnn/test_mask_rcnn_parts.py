"""Parts of Mask R-CNN: how photos get in and objects out, one or several at once."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("h5py")

from segmentation.mask_rcnn.config import matterport_config  # noqa: E402
from segmentation.mask_rcnn.detections import DetectionMasks, Detections  # noqa: E402
from segmentation.mask_rcnn.heads import MaskHead  # noqa: E402
from segmentation.mask_rcnn.molding import mold, photo_window  # noqa: E402
from segmentation.mask_rcnn.rpn import Proposals  # noqa: E402
from segmentation.mask_rcnn.segmenter import MaskRCNN, unmold  # noqa: E402
from segmentation.parts.roi_align import PyramidRoIAlign, join_levels  # noqa: E402


@pytest.mark.parametrize(
    ("size_hw", "window"),
    [
        ((480, 640), [128, 0, 896, 1024]),  # enlarged to 1024 in length, 768 in height
        ((800, 800), [112, 112, 912, 912]),  # large enough as it is
        ((300, 300), [112, 112, 912, 912]),  # enlarged to 800
        ((3000, 1000), [0, 341, 1024, 682]),  # shrunk
        ((1, 4000), [511, 0, 512, 1024]),  # never less than a pixel
    ],
)
def test_window(size_hw: tuple, window: list) -> None:
    molded = mold(np.full((*size_hw, 3), 9, np.uint8), 1024)
    assert photo_window(size_hw, 1024).tolist() == window
    y1, x1, y2, x2 = window
    assert (molded[y1:y2, x1:x2] == 9).all()
    assert molded.sum() == 27 * (y2 - y1) * (x2 - x1)


def test_unmold_leaves_out_padding_and_what_vanishes() -> None:
    boxes = np.array([[0, 0, 1, 1], [0.5, 0.5, 0.501, 0.9], [0, 0, 1, 1]], np.float32)
    found = unmold(
        boxes,
        np.array([0.9, 0.8, 0], np.float32),
        np.array([3, 2, 0], np.int32),
        np.zeros((3, 28, 28), np.float32),
        window=np.array([0.25, 0, 0.75, 1], np.float32),
        size_hw=(10, 20),
    )
    assert found.labels.tolist() == [2, 1]
    assert found.boxes[0].tolist() == [0, 0, 20, 10]
    gone = unmold(
        np.array([[0.5, 0.3, 0.4, 0.4]], np.float32),
        np.array([0.9], np.float32),
        np.array([1], np.int32),
        np.zeros((1, 28, 28), np.float32),
        window=np.array([0, 0, 1, 1], np.float32),
        size_hw=(50, 50),
    )
    assert len(gone) == 0


def test_two_images_at_once_are_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    sizes = [(16, 16), (8, 8), (4, 4), (2, 2)]
    anchors = matterport_config(64).anchors()
    num_proposals = 200
    num_anchors = len(anchors)
    scores = rng.random((2, num_anchors)).astype(np.float32)
    deltas = rng.normal(size=(2, num_anchors, 4)).astype(np.float32)
    logits = rng.normal(0, 3, (2, num_proposals, 5))
    probs = (np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)).astype(np.float32)
    refinements = rng.normal(size=(2, num_proposals, 5, 4)).astype(np.float32)
    window = np.array([[0, 0, 1, 1], [0.2, 0, 0.8, 1]], np.float32)
    least = rng.uniform(0.5, 0.9, (2, 5)).astype(np.float32)
    levels = [rng.normal(size=(2, *size, 8)).astype(np.float32) for size in sizes]
    head = MaskHead(5)

    def stages(first: int, last: int) -> list[np.ndarray]:
        num = last - first
        propose = Proposals(anchors, num, num_candidates=6000, num_kept=num_proposals, max_iou=0.7)
        proposals = propose(scores[first:last], deltas[first:last])
        found = Detections(num, num_kept=100, max_iou=0.3)(
            proposals, *(x[first:last] for x in (probs, refinements, window, least))
        )
        align = PyramidRoIAlign(14, sizes_hw=sizes, image_area=4e5, num_images=num)
        masks = DetectionMasks(head, align)(found, join_levels([x[first:last] for x in levels]))
        return [keras.ops.convert_to_numpy(x) for x in (proposals, found, masks)]

    both = stages(0, 2)
    for index in range(2):
        counted = (both[1][index][:, 5] > 0).sum()
        assert 5 < counted
        assert np.abs(both[2][index][:counted]).max() > 0
        for double, single in zip(both, stages(index, index + 1), strict=True):
            np.testing.assert_allclose(double[index], single[0], atol=1e-5)


def test_images_beyond_a_batch() -> None:
    """Pairs of images go through at once; each result belongs to its image, none to padding."""
    sizes_seen = []

    def network(images: np.ndarray, windows: np.ndarray, least: np.ndarray) -> list[np.ndarray]:
        sizes_seen.append((images.shape, windows.shape, least.shape))
        num = len(images)
        scores = images.max(axis=(1, 2, 3)).astype(np.float32)[:, None] / 255
        masks = np.zeros((num, 1, 28, 28), np.float32)
        return [windows[:, None], scores, np.ones((num, 1), np.int32), masks]

    images = np.zeros((3, 10, 20, 3), np.uint8)
    images[:] = np.array([51, 102, 204])[:, None, None, None]
    pairs = MaskRCNN(network, size=64, classes=("a",), max_images=2, device="test")
    three = pairs.segment(images)
    assert sizes_seen == [((2, 64, 64, 3), (2, 4), (2, 2))] * 2
    np.testing.assert_allclose([found.scores for found in three], [[0.2], [0.4], [0.8]])
    assert [found.boxes.tolist() for found in three] == [[[0, 0, 20, 10]]] * 3
    assert (three[0].masks == 128).all()
    pairs.segment(images[:1])
    assert sizes_seen[-1] == ((1, 64, 64, 3), (1, 4), (1, 2))


def test_size_must_suit_the_strides() -> None:
    with pytest.raises(ValueError, match="multiple of 64, got 100"):
        matterport_config(100)
