"""Deformable convolution, version 2 (Zhu et al. 2019, "Deformable ConvNets v2", section 3.2)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from segmentation.parts.bilinear_samples import bilinear_samples
from segmentation.parts.convolutions import padded_conv

Tensor = Any

#: taps of a 3x3 kernel
NUM_TAPS = 9


def deformable_conv(x: Tensor, filters: int, *, stride: int, name: str) -> Tensor:
    """Convolve 3x3 with a bias, each tap where an ordinary convolution says and as strong.

    Args:
        x: (N, H, W, C)
        filters: channels of the result.
        stride: pixels of the map for each of the result, along a side.
        name: of the layer; that of the ordinary convolution ends in `conv_offset_mask`.
    """
    guide = padded_conv(x, 3 * NUM_TAPS, 3, stride=stride, name=f"{name}.conv_offset_mask")
    return DeformableConv(filters, stride, name=name)(x, guide)


class DeformableConv(layers.Layer):
    """A 3x3 convolution whose taps are moved and weighed; zeros lie around the map.

    Args:
        filters: channels of the result.
        stride: pixels of the map for each of the result, along a side.
    """

    def __init__(self, filters: int, stride: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.stride = stride

    def build(self, x_shape: Any, guide_shape: Any) -> None:
        """Create the weights, those of a convolution."""
        self.kernel = self.add_weight(shape=(3, 3, x_shape[-1], self.filters), name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def compute_output_spec(self, x: Tensor, guide: Tensor) -> keras.KerasTensor:
        """Return (N, H, W, filters) for the H and W of the guide."""
        return keras.KerasTensor((*guide.shape[:3], self.filters))

    def call(self, x: Tensor, guide: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: (N, H, W, C)
            guide: (N, H', W', 27): dy and dx of each tap in turn, in pixels; then the weight of
                each tap before the sigmoid.
        """
        channels = x.shape[-1]
        guide = ops.cast(guide, "float32")  # places need it, whatever computes
        num, num_rows, num_columns = guide.shape[:3]
        num_places = num_rows * num_columns
        flat = ops.reshape(guide, (num, num_places, 3 * NUM_TAPS))
        offsets = ops.reshape(flat[..., : 2 * NUM_TAPS], (num, num_places, NUM_TAPS, 2))
        strength = ops.sigmoid(flat[..., 2 * NUM_TAPS :])

        places = _tap_positions(num_rows, num_columns, self.stride)
        down, along = (
            offsets[..., side] + ops.convert_to_tensor(places[..., side]) for side in (0, 1)
        )
        samples = bilinear_samples(x[:, :, :, None], down, along, strength)

        kernel = ops.reshape(self.kernel, (NUM_TAPS * channels, self.filters))
        samples = ops.reshape(samples, (num * num_places, NUM_TAPS * channels))
        samples = ops.cast(samples, self.compute_dtype)
        result = ops.matmul(samples, kernel) + self.bias
        return ops.reshape(result, (num, num_rows, num_columns, self.filters))


def _tap_positions(num_rows: int, num_columns: int, stride: int) -> NDArray[np.float32]:
    """Return y, x of each tap of an ordinary convolution: (places, 9, 2), padded by one pixel."""
    y, x = np.meshgrid(np.arange(num_rows), np.arange(num_columns), indexing="ij")
    centre = np.stack([y, x], axis=-1).reshape(-1, 1, 2) * stride
    tap = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij"), axis=-1).reshape(1, 9, 2)
    positions: NDArray[np.float32] = (centre + tap).astype(np.float32)
    return positions
