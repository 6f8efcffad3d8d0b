"""The network of RF-DETR with masks (Robinson et al. 2025) on Keras 3, with the published weights.

It takes an image brought to its fixed size and returns a box, logits of all classes and a mask for
each of its queries. `segmentation.rf_detr.segmenter` chooses among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from segmentation.parts.precision import computing_in
from segmentation.rf_detr.decoder import decoder
from segmentation.rf_detr.encoder import encoder
from segmentation.rf_detr.mask_head import masks
from segmentation.rf_detr.pieces import Rows, moved, perceptron
from segmentation.rf_detr.projector import projector
from segmentation.rf_detr.proposals import proposals
from segmentation.rf_detr.published import NUM_COCO_OUTPUTS, PATCH, Variant, fitted
from segmentation.weights.torch_layout import load_state_dict

Tensor = Any

#: of ImageNet's photos, of values from 0 to 1
MEAN_RGB = np.array([0.485, 0.456, 0.406], np.float32)
STD_RGB = np.array([0.229, 0.224, 0.225], np.float32)
#: pixels of the input for each of a mask, along a side
MASK_STRIDE = 4


def build_network(
    variant: Variant,
    size_hw: tuple[int, int],
    num_outputs: int = NUM_COCO_OUTPUTS,
    *,
    num_images: int = 1,
    dtype: str = "float32",
) -> keras.Model:
    """Build the network for one input size.

    Args:
        variant: which of the published networks.
        size_hw: of the input in pixels, both sides multiples of `Variant.step`.
        num_outputs: of classes.
        num_images: N.
        dtype: "float32" or "bfloat16", of what computes on maps; the queries, their boxes and all
            normalisations stay in float32.

    Returns:
        A model of fixed shapes, whose layers are named as the modules of RF-DETR's program. Input:
        images (N, *size_hw, 3) float32 RGB from 0 to 1. Outputs, of K queries: boxes (N, K, 4) x
        and y of the centre, width, height as fractions of the image, which may reach beyond it;
        logits (N, K, num_outputs); logits of masks (N, K, h, w), a quarter of the input's size.
    """
    height, width = size_hw
    image = keras.Input(batch_shape=(num_images, height, width, 3), name="image")
    pixels = ops.divide(ops.subtract(image, MEAN_RGB), STD_RGB)
    with computing_in(dtype):
        features = projector(encoder(pixels, variant.num_windows))
    proposed = proposals(features, variant.num_queries, num_outputs)
    corrections = Rows(variant.num_queries, 4, name="refpoint_embed")(proposed)
    around = moved(proposed, corrections, "reference")
    queries = decoder(features, around, variant.num_layers)
    boxes = moved(around, perceptron(queries, 3, 4, "bbox_embed"), "boxes")
    logits = layers.Dense(num_outputs, name="class_embed")(queries)
    mask_hw = (height // MASK_STRIDE, width // MASK_STRIDE)
    with computing_in(dtype):
        found = masks(features, queries, mask_hw, variant.num_layers)
    return keras.Model([image], [boxes, logits, found], name="rf_detr")


def load_network(
    tensors: Mapping[str, object],
    path: Path,
    variant: Variant,
    size_hw: tuple[int, int],
    num_outputs: int,
    **how: Any,
) -> keras.Model:
    """Build the network for a file's tensors and one input size, and load them.

    Args:
        tensors: see `segmentation.rf_detr.published.Checkpoint`.
        path: of the file they come from, for errors.
        variant: the network it is said to be for.
        size_hw: see `build_network`.
        num_outputs: likewise.
        **how: `num_images` and `dtype`, likewise.

    Raises:
        WeightsError: the tensors are not exactly those of the network.
    """
    network = build_network(variant, size_hw, num_outputs, **how)
    grid_hw = (size_hw[0] // PATCH, size_hw[1] // PATCH)
    load_state_dict(network, fitted(tensors, variant, grid_hw), path)
    return network
