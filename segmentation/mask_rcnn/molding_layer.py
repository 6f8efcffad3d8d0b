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
    (JAX), a few bytes are one less.

    Args:
        size: of the input, in pixels.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(dtype="float64", **kwargs)
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
            ops.cast(limit(photos, axis=(1, 2, 3), keepdims=True), "float64")
            for limit in (ops.min, ops.max)
        )
        x = ops.cast(photos, "float64")
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


def with_molding(network: keras.Model) -> keras.Model:
    """Return the network with `Mold` in front: it takes what `raw_inputs` returns, least scores."""
    image, window, min_scores = network.inputs
    num_images, size = image.shape[:2]
    photos = keras.Input(batch_shape=(num_images, None, None, 3), dtype="uint8", name="photos")
    taps = [
        keras.Input(batch_shape=(size, NUM_TAPS), dtype=dtype, name=f"{axis}_{what}")
        for axis in ("row", "column")
        for what, dtype in (("index", "int32"), ("weight", "float64"))
    ]
    window, min_scores = (keras.Input(batch_shape=x.shape) for x in (window, min_scores))
    outputs = network([Mold(size)(photos, *taps), window, min_scores])
    return keras.Model([photos, *taps, window, min_scores], outputs)
