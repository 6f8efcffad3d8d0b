"""The decoder of RF-DETR: queries that look at each other and at the map.

A `keras.ops` form of deformable attention (Zhu et al. 2021, "Deformable DETR", section 4.1), of one
level; a query's boxes stay the same in all layers. Layers are named as in the original program.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from segmentation.parts.bilinear_samples import bilinear_samples
from segmentation.rf_detr.pieces import WIDTH, Rows, attend, norm, perceptron

Tensor = Any

ROOT = "transformer.decoder"
#: heads of the queries among themselves; heads of what they see of the map, samples for each
NUM_HEADS, NUM_SIGHT_HEADS, NUM_POINTS = 8, 16, 2
FEED_FORWARD = 2048
#: channels that a box's each number becomes, and the longest of their periods
SINE_CHANNELS, LONGEST_PERIOD = 128, 10000.0


def decoder(features: Tensor, boxes: Tensor, num_layers: int) -> Tensor:
    """Build the decoder.

    Args:
        features: (N, h, w, 256)
        boxes: (N, K, 4) x and y of the centre, width, height, where each query looks.
        num_layers: of it.

    Returns:
        (N, K, 256), what the queries have found.
    """
    position = position_of(boxes)
    x = Rows(boxes.shape[1], WIDTH, name="query_feat")(position)
    for index in range(num_layers):
        x = _layer(x, position, features, boxes, index)
    return norm(x, f"{ROOT}.norm")


def position_of(boxes: Tensor) -> Tensor:
    """Build what tells the queries (N, K, 256) of their boxes (N, K, 4)."""
    places = np.arange(SINE_CHANNELS // 2) * (2 / SINE_CHANNELS)
    rates = (2 * np.pi / LONGEST_PERIOD**places).astype(np.float32)
    x, y, width, height = (boxes[..., index : index + 1] for index in range(4))
    angles = ops.multiply(ops.stack([y, x, width, height], axis=2), rates)
    waves = ops.stack([ops.sin(angles), ops.cos(angles)], axis=-1)
    waves = ops.reshape(waves, (*boxes.shape[:2], 4 * SINE_CHANNELS))
    waves = layers.Identity(name="query_sine")(waves)
    return perceptron(waves, 2, WIDTH, f"{ROOT}.ref_point_head")


def _layer(x: Tensor, position: Tensor, features: Tensor, boxes: Tensor, index: int) -> Tensor:
    name = f"{ROOT}.layers.{index}"
    placed = layers.Add()([x, position])
    query, key, value = SelfProjection(name=f"{name}.self_attn")(placed, x)
    y = attend(query, key, value, NUM_HEADS)
    y = layers.Dense(WIDTH, name=f"{name}.self_attn.out_proj")(y)
    x = norm(layers.Add()([x, y]), f"{name}.norm1")
    looking = layers.Add(name=f"dec{index}_cross_query")([x, position])
    y = _sight(looking, features, boxes, f"{name}.cross_attn")
    x = norm(layers.Add()([x, y]), f"{name}.norm2")
    y = layers.Dense(FEED_FORWARD, activation="relu", name=f"{name}.linear1")(x)
    y = layers.Dense(WIDTH, name=f"{name}.linear2")(y)
    return norm(layers.Add()([x, y]), f"{name}.norm3")


class SelfProjection(layers.Layer):
    """The three projections of attention among queries, their weights in one tensor."""

    def build(self, placed_shape: Any, x_shape: Any) -> None:
        """Create the weights: of query, key and value beside each other."""
        channels = x_shape[-1]
        self.kernel = self.add_weight(shape=(channels, 3 * channels), name="in_proj_weight")
        self.bias = self.add_weight(shape=(3 * channels,), name="in_proj_bias")

    def compute_output_spec(self, placed: Tensor, x: Tensor) -> tuple[Any, ...]:
        """Return three of the same shape."""
        return tuple(keras.KerasTensor(x.shape) for _ in range(3))

    def call(self, placed: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project.

        Args:
            placed: (N, K, C), with their positions, for query and key.
            x: (N, K, C), without, for value.
        """
        channels = x.shape[-1]
        both = ops.matmul(placed, self.kernel[:, : 2 * channels]) + self.bias[: 2 * channels]
        value = ops.matmul(x, self.kernel[:, 2 * channels :]) + self.bias[2 * channels :]
        return both[..., :channels], both[..., channels:], value


def _sight(query: Tensor, features: Tensor, boxes: Tensor, name: str) -> Tensor:
    """Build what queries (N, K, 256) see of the map: (N, K, 256)."""
    num_samples = NUM_SIGHT_HEADS * NUM_POINTS
    offsets = layers.Dense(2 * num_samples, name=f"{name}.sampling_offsets")(query)
    strength = layers.Dense(num_samples, name=f"{name}.attention_weights")(query)
    value = layers.Dense(WIDTH, name=f"{name}.value_proj")(features)
    seen = DeformableSight()(value, offsets, strength, boxes)
    return layers.Dense(WIDTH, name=f"{name}.output_proj")(seen)


class DeformableSight(layers.Layer):
    """Weighed samples of a map around the centre of each query's box."""

    def compute_output_spec(
        self, value: Tensor, offsets: Tensor, strength: Tensor, boxes: Tensor
    ) -> keras.KerasTensor:
        """Return (N, K, C)."""
        return keras.KerasTensor((*offsets.shape[:2], value.shape[-1]))

    def call(self, value: Tensor, offsets: Tensor, strength: Tensor, boxes: Tensor) -> Tensor:
        """Sample.

        Args:
            value: (N, h, w, C), channels of one head beside each other.
            offsets: (N, K, heads * points * 2), dx and dy of each sample; 1 reaches from the centre
                of the box to its edge, divided by the number of points.
            strength: (N, K, heads * points), weights before the softmax over the points of a head.
            boxes: (N, K, 4) x and y of the centre, width, height as fractions of the map.
        """
        num_images, height, width, channels = value.shape
        num = offsets.shape[1]
        shape = (num_images, num, NUM_SIGHT_HEADS, NUM_POINTS)
        weights = ops.softmax(ops.reshape(strength, shape), axis=-1)
        box = ops.reshape(boxes, (num_images, num, 1, 1, 4))
        offsets = ops.reshape(offsets, (*shape, 2))
        places = box[..., :2] + offsets * box[..., 2:] * (0.5 / NUM_POINTS)
        heads = (NUM_SIGHT_HEADS, channels // NUM_SIGHT_HEADS)
        samples = bilinear_samples(
            ops.reshape(value, (num_images, height, width, *heads)),
            places[..., 1] * height - 0.5,
            places[..., 0] * width - 0.5,
            weights,
            group=np.arange(NUM_SIGHT_HEADS, dtype=np.int32).reshape(1, -1, 1),
        )
        return ops.reshape(ops.sum(samples, axis=3), (num_images, num, channels))
