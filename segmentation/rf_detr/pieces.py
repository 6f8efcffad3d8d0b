"""What several parts of RF-DETR's network are made of."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

Tensor = Any

#: channels of all that comes after the encoder
WIDTH = 256


def norm(x: Tensor, name: str, epsilon: float = 1e-5) -> Tensor:
    """Normalise the channels of each place (Ba et al. 2016, "Layer normalization")."""
    return Norm(epsilon=epsilon, name=name, dtype="float32")(x)


class Norm(layers.LayerNormalization):
    """Keras' own in the order of the paper, which OpenVINO knows for one operation.

    In float32 whatever computes around it.
    """

    def call(self, x: Tensor) -> Tensor:
        """Normalise (..., C)."""
        centred = x - ops.mean(x, axis=(-1,), keepdims=True)
        variance = ops.mean(ops.square(centred), axis=(-1,), keepdims=True)
        normal = centred / ops.sqrt(variance + self.epsilon)
        return normal * self.gamma + self.beta


def attend(query: Tensor, key: Tensor, value: Tensor, num_heads: int) -> Tensor:
    """Build attention (Vaswani et al. 2017, section 3.2) between what was projected already.

    Args:
        query: (N, T, C)
        key: (N, S, C)
        value: (N, S, C)
        num_heads: parts of the channels, each of which attends by itself.

    Returns:
        (N, T, C)
    """
    num, length, channels = query.shape
    depth = channels // num_heads
    query, key, value = (ops.reshape(x, (num, -1, num_heads, depth)) for x in (query, key, value))
    query = ops.multiply(ops.transpose(query, (0, 2, 1, 3)), depth**-0.5)
    agreement = ops.matmul(query, ops.transpose(key, (0, 2, 3, 1)))
    weights = ops.softmax(ops.cast(agreement, "float32"), axis=-1)
    found = ops.matmul(ops.cast(weights, value.dtype), ops.transpose(value, (0, 2, 1, 3)))
    return ops.reshape(ops.transpose(found, (0, 2, 1, 3)), (num, length, channels))


def perceptron(x: Tensor, num_layers: int, num_outputs: int, name: str) -> Tensor:
    """Build dense layers with ReLUs between them."""
    for index in range(num_layers - 1):
        x = layers.Dense(WIDTH, activation="relu", name=f"{name}.layers.{index}")(x)
    return layers.Dense(num_outputs, name=f"{name}.layers.{num_layers - 1}")(x)


def moved(boxes: Tensor, deltas: Tensor, name: str) -> Tensor:
    """Move boxes and change their size.

    Args:
        boxes: (N, K, 4) x and y of the centre, width, height.
        deltas: (N, K, 4) dx, dy in units of width and height, log dw, log dh.
        name: of the result.

    Returns:
        (N, K, 4)
    """
    size = boxes[..., 2:]
    centre = ops.add(ops.multiply(deltas[..., :2], size), boxes[..., :2])
    size = ops.multiply(ops.exp(deltas[..., 2:]), size)
    return layers.Concatenate(name=name)([centre, size])


class Rows(layers.Layer):
    """Trained numbers, the same for every image: a row for each query.

    Args:
        num: of queries.
        depth: numbers of a row.
    """

    def __init__(self, num: int, depth: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num, self.depth = num, depth

    def build(self, input_shape: Any) -> None:
        """Create the numbers."""
        self.numbers = self.add_weight(shape=(self.num, self.depth), name="weight")

    def compute_output_spec(self, x: Tensor) -> keras.KerasTensor:
        """Return (N, num, depth)."""
        return keras.KerasTensor((x.shape[0], self.num, self.depth))

    def call(self, x: Tensor) -> Tensor:
        """Return them for each image of (N, ...), whatever comes in."""
        return ops.tile(ops.expand_dims(self.numbers, 0), (x.shape[0], 1, 1))
