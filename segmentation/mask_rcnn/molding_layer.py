"""Molding within the graph of a network: photos in, the square input of Mask R-CNN out."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from segmentation.mask_rcnn.molding import NUM_TAPS

Tensor = Any


class Mold(layers.Layer):
    """Photos become the network's input as in `segmentation.mask_rcnn.molding.mold`, to the byte.

    It computes in float64, because bytes are cut off and not rounded; where a backend has none
    (JAX) in float32, and a few bytes are one less.

    Args:
        size: of the input, in pixels.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        dtype = "float32" if keras.backend.backend() == "jax" else "float64"
        super().__init__(dtype=dtype, **kwargs)
        self.size = size

    def compute_output_spec(self, photos: Tensor, *_: Tensor) -> keras.KerasTensor:
        """Return (N, size, size, 3) uint8."""
        return keras.KerasTensor((photos.shape[0], self.size, self.size, 3), "uint8")

    def call(
        self,
        photos: Tensor,
        rows: Tensor,
        row_weights: Tensor,
        columns: Tensor,
        column_weights: Tensor,
    ) -> Tensor:
        """Mold; `segmentation.mask_rcnn.molding.raw_inputs` returns the arguments."""
        low, high = (
            ops.cast(limit(photos, axis=(1, 2, 3), keepdims=True), self.compute_dtype)
            for limit in (ops.min, ops.max)
        )
        x = ops.cast(photos, self.compute_dtype)
        weighted = [
            ops.take(x, rows[:, down], axis=1) * row_weights[:, down][:, None, None]
            for down in range(NUM_TAPS)
        ]
        x = sum(  # in this order, or the last bit is another
            ops.take(line, columns[:, along], axis=2) * column_weights[:, along][:, None]
            for line in weighted
            for along in range(NUM_TAPS)
        )
        filled = ops.logical_and(
            ops.any(row_weights > 0, axis=1)[:, None], ops.any(column_weights > 0, axis=1)
        )[..., None]
        x = ops.maximum(ops.minimum(x, high), low)
        return ops.cast(ops.where(filled, x, ops.zeros_like(x)), "uint8")


def molded(size: int, *inputs: Tensor) -> list[Tensor]:
    """Return what the network takes.

    Args:
        size: of its input, in pixels.
        *inputs: what `raw_inputs` returns, and least scores.
    """
    *photos_and_taps, window, min_scores = inputs
    return [Mold(size)(*photos_and_taps), window, min_scores]
