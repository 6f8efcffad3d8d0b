"""The backbones of YOLACT, their layers named as the modules of its program."""

from __future__ import annotations

from typing import Any

from keras import layers

from segmentation.parts.convolutions import RESNET_BLOCKS, padded_conv, stored_norm
from segmentation.yolact.deformable import deformable_conv

Tensor = Any

#: residual blocks in the stages of Darknet-53 (Redmon and Farhadi 2018, table 1)
DARKNET_BLOCKS = (1, 2, 8, 8, 4)


def resnet(image: Tensor, depth: int, *, deformable_every: int = 0) -> list[Tensor]:
    """Build ResNet (He et al. 2016) with the stride in the 3x3 convolutions and without biases.

    Args:
        image: (1, H, W, 3) float32, normalised.
        depth: a key of `RESNET_BLOCKS`.
        deformable_every: from stage 3 on, the 3x3 convolution of every so many blocks, the first
            included, is deformable (Bolya et al. 2019, "YOLACT++", section 6.2); 0 = none.

    Returns:
        C3, C4, C5 of strides 8, 16, 32 with 512, 1024, 2048 channels.
    """
    x = padded_conv(image, 64, 7, stride=2, use_bias=False, name="backbone.conv1")
    x = layers.ReLU()(stored_norm(x, "backbone.bn1"))
    # behind a ReLU, zeros around the map are as good as nothing
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    stages = []
    for stage, num_blocks in enumerate(RESNET_BLOCKS[depth]):
        for index in range(num_blocks):
            x = _bottleneck(
                x,
                64 * 2**stage,
                stride=2 if index == 0 and stage > 0 else 1,
                widens=index == 0,
                deformable=stage > 0 and deformable_every > 0 and index % deformable_every == 0,
                name=f"backbone.layers.{stage}.{index}",
            )
        stages.append(x)
    return stages[1:]


def _bottleneck(
    x: Tensor, filters: int, *, stride: int, widens: bool, deformable: bool, name: str
) -> Tensor:
    y = padded_conv(x, filters, 1, use_bias=False, name=f"{name}.conv1")
    y = layers.ReLU()(stored_norm(y, f"{name}.bn1"))
    if deformable:
        y = deformable_conv(y, filters, stride=stride, name=f"{name}.conv2")
    else:
        y = padded_conv(y, filters, 3, stride=stride, use_bias=False, name=f"{name}.conv2")
    y = layers.ReLU()(stored_norm(y, f"{name}.bn2"))
    y = padded_conv(y, 4 * filters, 1, use_bias=False, name=f"{name}.conv3")
    y = stored_norm(y, f"{name}.bn3")
    if widens:
        x = padded_conv(
            x, 4 * filters, 1, stride=stride, use_bias=False, name=f"{name}.downsample.0"
        )
        x = stored_norm(x, f"{name}.downsample.1")
    return layers.ReLU()(layers.Add()([x, y]))


def darknet53(image: Tensor) -> list[Tensor]:
    """Build Darknet-53.

    Args:
        image: (1, H, W, 3) float32, values from 0 to 1.

    Returns:
        The maps of strides 8, 16, 32 with 256, 512, 1024 channels.
    """
    x = _conv_leaky(image, 32, 3, name="backbone._preconv")
    stages = []
    for stage, num_blocks in enumerate(DARKNET_BLOCKS):
        name = f"backbone.layers.{stage}"
        filters = 64 * 2**stage
        x = _conv_leaky(x, filters, 3, stride=2, name=f"{name}.0")
        for index in range(1, num_blocks + 1):
            y = _conv_leaky(x, filters // 2, 1, name=f"{name}.{index}.conv1")
            y = _conv_leaky(y, filters, 3, name=f"{name}.{index}.conv2")
            x = layers.Add()([x, y])
        stages.append(x)
    return stages[2:]


def _conv_leaky(x: Tensor, filters: int, kernel: int, *, stride: int = 1, name: str) -> Tensor:
    x = padded_conv(x, filters, kernel, stride=stride, use_bias=False, name=f"{name}.0")
    return layers.LeakyReLU(negative_slope=0.1)(stored_norm(x, f"{name}.1"))
