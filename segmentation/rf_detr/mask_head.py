"""The mask head of RF-DETR: a product of each query with every place of a finer map.

After MaskDINO (Li et al. 2023), as the original program simplifies it. Layers are named as there.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from segmentation.parts.convolutions import padded_conv
from segmentation.rf_detr.pieces import WIDTH, norm

Tensor = Any

ROOT = "segmentation_head"
EPSILON = 1e-6  # in the blocks alone


def masks(features: Tensor, queries: Tensor, size_hw: tuple[int, int], num_blocks: int) -> Tensor:
    """Build the mask head.

    Args:
        features: (N, h, w, 256)
        queries: (N, K, 256)
        size_hw: of the masks.
        num_blocks: the map goes through, one for each layer of the decoder.

    Returns:
        (N, K, *size_hw) logits.
    """
    x = ops.image.resize(features, size_hw, interpolation="bilinear")
    for index in range(num_blocks):
        name = f"{ROOT}.blocks.{index}"
        y = norm(padded_conv(x, None, 3, name=f"{name}.dwconv"), f"{name}.norm", EPSILON)
        y = layers.Dense(WIDTH, activation="gelu", name=f"{name}.pwconv1")(y)
        x = layers.Add(name=f"mask_block{index}")([x, y])
    x = layers.Conv2D(WIDTH, 1, name=f"{ROOT}.spatial_features_proj")(x)
    y = norm(queries, f"{ROOT}.query_features_block.norm_in")
    y = layers.Dense(4 * WIDTH, activation="gelu", name=f"{ROOT}.query_features_block.layers.0")(y)
    y = layers.Dense(WIDTH, name=f"{ROOT}.query_features_block.layers.2")(y)
    y = layers.Add()([queries, y])
    y = layers.Dense(WIDTH, name=f"{ROOT}.query_features_proj")(y)
    return Products(name=ROOT, dtype="float32")(x, y)


class Products(layers.Layer):
    """Products of queries with places, and one number more."""

    def build(self, places_shape: Any, queries_shape: Any) -> None:
        """Create the number."""
        self.bias = self.add_weight(shape=(1,), name="bias")

    def compute_output_spec(self, places: Tensor, queries: Tensor) -> keras.KerasTensor:
        """Return (N, K, H, W)."""
        return keras.KerasTensor((*queries.shape[:2], *places.shape[1:3]))

    def call(self, places: Tensor, queries: Tensor) -> Tensor:
        """Multiply (N, H, W, C) by (N, K, C)."""
        num_images, height, width, channels = places.shape
        flat = ops.reshape(places, (num_images, height * width, channels))
        products = ops.matmul(queries, ops.transpose(flat, (0, 2, 1))) + self.bias
        return ops.reshape(products, (num_images, queries.shape[1], height, width))
