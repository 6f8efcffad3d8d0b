"""MobileNetV2 (Sandler et al. 2018, table 2): an image becomes maps of features."""

from __future__ import annotations

from typing import Any

from keras import layers

from segmentation.parts.convolutions import padded_conv, stored_norm

Tensor = Any

#: expansion, output channels, blocks, stride of the first block
INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _inverted_residual(
    x: Tensor, expansion: int, filters: int, *, stride: int, name: str
) -> Tensor:
    """Add a block: widened by 1x1, filtered by 3x3 channel by channel, narrowed by 1x1."""
    num_in = x.shape[-1]
    y, index = x, 0
    if expansion > 1:
        y = padded_conv(y, expansion * num_in, 1, use_bias=False, name=f"{name}.conv.0")
        y, index = layers.ReLU(6)(stored_norm(y, f"{name}.conv.1")), 3
    y = padded_conv(y, None, 3, stride=stride, use_bias=False, name=f"{name}.conv.{index}")
    y = layers.ReLU(6)(stored_norm(y, f"{name}.conv.{index + 1}"))
    y = padded_conv(y, filters, 1, use_bias=False, name=f"{name}.conv.{index + 3}")
    y = stored_norm(y, f"{name}.conv.{index + 4}")
    return layers.Add()([x, y]) if stride == 1 and num_in == filters else y


def mobilenet(image: Tensor, root: str) -> list[Tensor]:
    """Build MobileNetV2, its layers named as the modules of CenterMask2's program.

    Args:
        image: (N, H, W, 3) float32, sides multiples of 32, normalised.
        root: before the name of every module (`backbone.bottom_up`).

    Returns:
        The last map of strides 8, 16, 32, with 32, 96, 320 channels.
    """
    x = padded_conv(image, 32, 3, stride=2, use_bias=False, name=f"{root}.features.0.0")
    x = layers.ReLU(6)(stored_norm(x, f"{root}.features.0.1"))
    index, of_stride, stride = 1, {}, 2
    for expansion, filters, num_blocks, first_stride in INVERTED_RESIDUALS:
        stride *= first_stride
        for block in range(num_blocks):
            x = _inverted_residual(
                x,
                expansion,
                filters,
                stride=first_stride if block == 0 else 1,
                name=f"{root}.features.{index}",
            )
            index += 1
        of_stride[stride] = x
    return [of_stride[8], of_stride[16], of_stride[32]]
