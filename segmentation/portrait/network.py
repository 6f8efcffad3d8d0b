"""The portrait network in Keras; training and the bundled export are made from it.

A residual encoder of plain 3x3 convolutions (He et al. 2016, "Deep Residual Learning", section 3;
plain ones because they are what processors run best), a global context vector added at its
deepest level, and a top-down decoder with lateral connections (Lin et al. 2017, "Feature Pyramid
Networks", section 3) down to half the input's size. `segmentation.mask_rcnn.small` begins
with both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from segmentation.parts.precision import computing_in

Tensor = Any

ENCODER_CHANNELS = (16, 24, 48, 80, 112)  # at strides 2, 4, 8, 16, 32
ENCODER_BLOCKS = (1, 2, 3, 2)  # residual blocks at strides 4, 8, 16, 32
DECODER_CHANNELS = (48, 48, 24, 8)  # at strides 16, 8, 4, 2


def build(
    size_hw: tuple[int | None, int | None] = (None, None), *, dtype: str = "float32"
) -> keras.Model:
    """Return the network with fresh weights.

    Args:
        size_hw: of the input, in pixels, multiples of 32; any such without it.
        dtype: "float32" or "bfloat16", of all but the logits.

    Returns:
        A model from (N, H, W, 3) uint8 RGB to (N, H/2, W/2, 1) float32, the logits of "a person".
        Whoever uses them enlarges them bilinearly, to whatever size is wanted.
    """
    image = layers.Input((*size_hw, 3), dtype="uint8", name="image")
    with computing_in(dtype):
        finest = decoder(encoder(image))[-1]
    logits = layers.Conv2D(1, 3, padding="same", dtype="float32", name="logits")(finest)
    return keras.Model(image, logits, name="portrait")


def encoder(image: Tensor) -> list[Tensor]:
    """Build the encoder, its layers named.

    Args:
        image: (N, H, W, 3) RGB, 0 to 255, sides multiples of 32.

    Returns:
        Maps of `ENCODER_CHANNELS`, the finest first; the last one knows the whole image.
    """
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    levels = [_conv(x, ENCODER_CHANNELS[0], 3, 2, name="stem")]
    for number, (channels, num_blocks) in enumerate(
        zip(ENCODER_CHANNELS[1:], ENCODER_BLOCKS, strict=True), start=2
    ):
        x = _block(levels[-1], channels, 2, f"stage{number}_1")
        for index in range(2, num_blocks + 1):
            x = _block(x, channels, 1, f"stage{number}_{index}")
        levels.append(x)
    context = layers.GlobalAveragePooling2D(keepdims=True)(levels[-1])
    context = _conv(context, ENCODER_CHANNELS[-1], 1, name="context")
    return [*levels[:-1], layers.Add()([levels[-1], context])]


def decoder(levels: Sequence[Tensor]) -> list[Tensor]:
    """Build the decoder of what `encoder` returns; returns maps of `DECODER_CHANNELS`."""
    maps = [levels[-1]]
    for number, (lateral, channels) in enumerate(
        zip(levels[-2::-1], DECODER_CHANNELS, strict=True), start=1
    ):
        name = f"decoder{number}"
        x = enlarged(_conv(maps[-1], channels, 1, name=f"{name}_top"))
        side = _conv(lateral, channels, 1, relu=False, name=f"{name}_lateral")
        maps.append(_conv(layers.Add()([x, side]), channels, name=name))
    return maps[1:]


def _conv(
    x: Tensor, channels: int, size: int = 3, stride: int = 1, *, relu: bool = True, name: str
) -> Tensor:
    x = layers.Conv2D(channels, size, stride, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(momentum=0.98, name=f"{name}_norm")(x)
    return layers.ReLU()(x) if relu else x


def _block(x: Tensor, channels: int, stride: int, name: str) -> Tensor:
    shortcut = layers.AveragePooling2D(stride)(x) if stride > 1 else x
    if x.shape[-1] != channels:
        shortcut = _conv(shortcut, channels, 1, relu=False, name=f"{name}_shortcut")
    x = _conv(x, channels, 3, stride, name=f"{name}_in")
    x = _conv(x, channels, relu=False, name=f"{name}_out")
    return layers.ReLU()(layers.Add()([x, shortcut]))


def enlarged(x: Tensor) -> Tensor:
    """Return maps (N, H, W, C) at twice their size, bilinearly."""
    return layers.UpSampling2D(2, interpolation="bilinear")(x)
