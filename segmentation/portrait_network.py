"""The portrait network in Keras; training and the bundled export are made from it.

A residual encoder of plain 3x3 convolutions (He et al. 2016, "Deep Residual Learning", section 3;
plain ones because they are what processors run best), a global context vector added at its
deepest level, and a top-down decoder with lateral connections (Lin et al. 2017, "Feature Pyramid
Networks", section 3) down to half the input's size.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

Tensor = Any

ENCODER_CHANNELS = (16, 24, 48, 80, 112)  # at strides 2, 4, 8, 16, 32
ENCODER_BLOCKS = (1, 2, 3, 2)  # residual blocks at strides 4, 8, 16, 32
DECODER_CHANNELS = (48, 48, 24, 8)  # at strides 16, 8, 4, 2


def build(size_hw: tuple[int | None, int | None] = (None, None)) -> keras.Model:
    """Return the network with fresh weights.

    Args:
        size_hw: of the input, in pixels, multiples of 32; any such without it.

    Returns:
        A model from (N, H, W, 3) uint8 RGB to (N, H, W, 1) float32, the logits of "a person".
    """
    # === Encoder ===
    image = layers.Input((*size_hw, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    levels = [_conv(x, ENCODER_CHANNELS[0], 3, 2)]
    for channels, num_blocks in zip(ENCODER_CHANNELS[1:], ENCODER_BLOCKS, strict=True):
        x = _block(levels[-1], channels, 2)
        for _ in range(num_blocks - 1):
            x = _block(x, channels, 1)
        levels.append(x)
    context = layers.GlobalAveragePooling2D(keepdims=True)(levels[-1])
    x = layers.Add()([levels[-1], _conv(context, ENCODER_CHANNELS[-1], 1)])

    # === Decoder ===
    for lateral, channels in zip(levels[-2::-1], DECODER_CHANNELS, strict=True):
        x = _enlarge(_conv(x, channels, 1))
        x = _conv(layers.Add()([x, _conv(lateral, channels, 1, relu=False)]), channels)
    logits = layers.Conv2D(1, 3, padding="same", dtype="float32")(x)
    return keras.Model(image, _enlarge(logits), name="portrait")


def _conv(x: Tensor, channels: int, size: int = 3, stride: int = 1, *, relu: bool = True) -> Tensor:
    x = layers.Conv2D(channels, size, stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.98)(x)
    return layers.ReLU()(x) if relu else x


def _block(x: Tensor, channels: int, stride: int) -> Tensor:
    shortcut = layers.AveragePooling2D(stride)(x) if stride > 1 else x
    if x.shape[-1] != channels:
        shortcut = _conv(shortcut, channels, 1, relu=False)
    x = _conv(_conv(x, channels, 3, stride), channels, relu=False)
    return layers.ReLU()(layers.Add()([x, shortcut]))


def _enlarge(x: Tensor) -> Tensor:
    return layers.UpSampling2D(2, interpolation="bilinear")(x)
