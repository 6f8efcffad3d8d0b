"""What a network begins with: weights of others, for other classes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras")

from segmentation.errors import WeightsError
from segmentation.person.segmenter import WEIGHTS
from segmentation.training.mask_rcnn import start_weights
from segmentation.weights.named_weights import read_named

CLASSES = ("dog", "person")


def of_classes(kernels: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return heads of a network for `CLASSES`, all zeros."""
    own = {}
    for layer, width in start_weights.CLASS_LAYERS.items():
        num = (len(CLASSES) + 1) * width
        own[f"{layer}/kernel"] = np.zeros((*kernels[layer], num), np.float32)
        own[f"{layer}/bias"] = np.zeros(num, np.float32)
    return own


def test_classes_that_a_file_knows_keep_their_weights():
    tensors = read_named(WEIGHTS)
    own = of_classes(
        {layer: tensors[f"{layer}/kernel"].shape[:-1] for layer in start_weights.CLASS_LAYERS}
    )
    begun, num_known = start_weights._with_classes(WEIGHTS, own, CLASSES)
    assert num_known == 1
    bias, known = begun["mrcnn_class_logits/bias"], tensors["mrcnn_class_logits/bias"]
    np.testing.assert_array_equal(bias, [known[0], 0, known[1]])


def test_heads_of_another_backbone_are_one_line():
    own = of_classes(dict.fromkeys(start_weights.CLASS_LAYERS, (1, 1, 1024)))
    with pytest.raises(WeightsError, match=r"person\.npz: has the heads of another backbone"):
        start_weights._with_classes(WEIGHTS, own, CLASSES)
