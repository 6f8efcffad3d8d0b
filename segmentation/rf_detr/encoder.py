"""The encoder of RF-DETR: DINOv2-small (Oquab et al. 2023) that mostly looks through windows.

Attention over a whole image takes time with the square of its area. Here three blocks of twelve do
that; the others attend within windows, each of which has a class token of its own (Robinson et al.
2025, "RF-DETR"). Layers are named as the modules of the original program.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from segmentation.rf_detr.pieces import Norm, attend, norm
from segmentation.rf_detr.published import PATCH

Tensor = Any

ROOT = "backbone.0.encoder.encoder"
CHANNELS, NUM_HEADS, NUM_BLOCKS = 384, 6, 12
EPSILON = 1e-6
#: blocks that attend over all windows, and those whose results are used, just before them
WHOLE_BLOCKS = (3, 6, 9)
TAPPED_BLOCKS = (2, 5, 8, 11)


def encoder(image: Tensor, num_windows: int) -> list[Tensor]:
    """Build the encoder.

    Args:
        image: (N, H, W, 3), normalised, both sides multiples of `PATCH` times the windows.
        num_windows: along each side.

    Returns:
        Four maps (N, h, w, 384) of stride 12, from after each quarter of the blocks.
    """
    project = layers.Conv2D(
        CHANNELS, PATCH, strides=PATCH, name=f"{ROOT}.embeddings.patch_embeddings.projection"
    )
    patches = project(image)
    size_hw = patches.shape[1:3]
    x = Embeddings(num_windows, name=f"{ROOT}.embeddings")(patches)
    normalise = Norm(epsilon=EPSILON, name=f"{ROOT}.layernorm")
    maps = []
    for index in range(NUM_BLOCKS):
        x = _block(x, index, image.shape[0])
        if index in TAPPED_BLOCKS:
            tap = without_windows(normalise(x)[:, 1:], size_hw, num_windows)
            maps.append(layers.Identity(name=f"stage{index + 1}")(tap))
    return maps


def in_windows(x: Tensor, num_windows: int) -> Tensor:
    """Return (N * n * n, h / n * w / n, C), windows and places row by row, of (N, h, w, C)."""
    num_images, height, width, channels = x.shape
    rows, columns = height // num_windows, width // num_windows
    x = ops.reshape(x, (num_images * num_windows, rows, num_windows, columns, channels))
    x = ops.transpose(x, (0, 2, 1, 3, 4))
    return ops.reshape(x, (num_images * num_windows**2, rows * columns, channels))


def without_windows(x: Tensor, size_hw: tuple[int, int], num_windows: int) -> Tensor:
    """Return (N, h, w, C) of `in_windows`."""
    (height, width), channels = size_hw, x.shape[-1]
    num_images = x.shape[0] // num_windows**2
    rows, columns = height // num_windows, width // num_windows
    x = ops.reshape(x, (num_images * num_windows, num_windows, rows, columns, channels))
    x = ops.transpose(x, (0, 2, 1, 3, 4))
    return ops.reshape(x, (num_images, height, width, channels))


class Embeddings(layers.Layer):
    """Tells patches where they are, and adds a class token to every window.

    Args:
        num_windows: along each side.
    """

    def __init__(self, num_windows: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_windows = num_windows

    def build(self, input_shape: Any) -> None:
        """Create the token and the table of positions, the token's first."""
        _, height, width, channels = input_shape
        self.token = self.add_weight(shape=(1, 1, channels), name="cls_token")
        self.positions = self.add_weight(
            shape=(1, 1 + height * width, channels), name="position_embeddings"
        )

    def compute_output_spec(self, patches: Tensor) -> keras.KerasTensor:
        """Return (N * n * n, 1 + places of a window, C)."""
        num_images, height, width, channels = patches.shape
        num = self.num_windows**2
        return keras.KerasTensor((num_images * num, 1 + height * width // num, channels))

    def call(self, patches: Tensor) -> Tensor:
        """Make tokens of (N, h, w, C)."""
        positions = ops.reshape(self.positions[:, 1:], (1, *patches.shape[1:]))
        places = in_windows(ops.add(patches, positions), self.num_windows)
        token = ops.add(self.token, self.positions[:, :1])
        return ops.concatenate([ops.tile(token, (places.shape[0], 1, 1)), places], axis=1)


class LayerScale(layers.Layer):
    """A factor for each channel (Touvron et al. 2021, "Going deeper with image transformers")."""

    def build(self, input_shape: Any) -> None:
        """Create the factors."""
        self.factors = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="lambda1")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the same."""
        return input_shape

    def call(self, x: Tensor) -> Tensor:
        """Scale (N, T, C)."""
        return ops.multiply(x, self.factors)


def _block(x: Tensor, index: int, num_images: int) -> Tensor:
    """Build a block on (windows of all images, tokens, C)."""
    name = f"{ROOT}.encoder.layer.{index}"
    y = norm(x, f"{name}.norm1", EPSILON)
    if index in WHOLE_BLOCKS:
        y = ops.reshape(y, (num_images, -1, CHANNELS))
    query, key, value = (
        layers.Dense(CHANNELS, name=f"{name}.attention.attention.{part}")(y)
        for part in ("query", "key", "value")
    )
    y = attend(query, key, value, NUM_HEADS)
    y = layers.Dense(CHANNELS, name=f"{name}.attention.output.dense")(y)
    if index in WHOLE_BLOCKS:
        y = ops.reshape(y, x.shape)
    x = layers.Add()([x, LayerScale(name=f"{name}.layer_scale1")(y)])
    y = norm(x, f"{name}.norm2", EPSILON)
    y = layers.Dense(4 * CHANNELS, activation="gelu", name=f"{name}.mlp.fc1")(y)
    y = layers.Dense(CHANNELS, name=f"{name}.mlp.fc2")(y)
    return layers.Add(name=f"block{index}")([x, LayerScale(name=f"{name}.layer_scale2")(y)])
