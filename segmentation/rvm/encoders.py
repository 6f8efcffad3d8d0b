"""The encoders of Robust Video Matting, their layers named as the modules of its program."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from keras import layers, ops

from segmentation.parts.convolutions import RESNET_BLOCKS, padded_conv, stored_norm

Tensor = Any

#: of ImageNet's photos, of values from 0 to 1
MEAN_RGB = np.array([0.485, 0.456, 0.406], np.float32)
STD_RGB = np.array([0.229, 0.224, 0.225], np.float32)
#: of MobileNetV3's normalisations
EPSILON = 1e-3


class Block(NamedTuple):
    """An inverted residual with linear bottleneck (Howard et al. 2019, "MobileNetV3").

    Attributes:
        kernel: side of the kernel that filters each channel by itself.
        expanded: channels within.
        filters: channels of the result.
        squeezed: channels of the squeeze-and-excitation in between, 0 for none.
        activation: "relu" or "hard_swish".
        stride: of the filter.
        dilation: likewise.
    """

    kernel: int
    expanded: int
    filters: int
    squeezed: int
    activation: Literal["relu", "hard_swish"]
    stride: int = 1
    dilation: int = 1


#: table 1 of the paper; the last stage keeps its map's size and reaches twice as far instead
MOBILENET_BLOCKS = (
    Block(3, 16, 16, 0, "relu"),
    Block(3, 64, 24, 0, "relu", stride=2),
    Block(3, 72, 24, 0, "relu"),
    Block(5, 72, 40, 24, "relu", stride=2),
    Block(5, 120, 40, 32, "relu"),
    Block(5, 120, 40, 32, "relu"),
    Block(3, 240, 80, 0, "hard_swish", stride=2),
    Block(3, 200, 80, 0, "hard_swish"),
    Block(3, 184, 80, 0, "hard_swish"),
    Block(3, 184, 80, 0, "hard_swish"),
    Block(3, 480, 112, 120, "hard_swish"),
    Block(3, 672, 112, 168, "hard_swish"),
    Block(5, 672, 160, 168, "hard_swish", dilation=2),
    Block(5, 960, 160, 240, "hard_swish", dilation=2),
    Block(5, 960, 160, 240, "hard_swish", dilation=2),
)


def mobilenetv3(image: Tensor) -> list[Tensor]:
    """Build MobileNetV3-Large without its classifier.

    Args:
        image: (1, H, W, 3), values from 0 to 1.

    Returns:
        The maps of strides 2, 4, 8, 16 with 16, 24, 40, 960 channels.
    """
    root = "backbone.features"
    x = ops.divide(ops.subtract(image, MEAN_RGB), STD_RGB)
    x = _conv(x, 16, 3, stride=2, activation="hard_swish", name=f"{root}.0")
    maps = []
    for number, block in enumerate(MOBILENET_BLOCKS, start=1):
        x = _inverted_residual(x, block, f"{root}.{number}.block")
        if number in (1, 3, 6):
            maps.append(x)
    last = len(MOBILENET_BLOCKS) + 1
    return [*maps, _conv(x, 960, 1, activation="hard_swish", name=f"{root}.{last}")]


def _inverted_residual(x: Tensor, block: Block, name: str) -> Tensor:
    y, index = x, 0
    if block.expanded != x.shape[-1]:
        y = _conv(y, block.expanded, 1, activation=block.activation, name=f"{name}.0")
        index = 1
    y = _conv(
        y,
        None,
        block.kernel,
        stride=block.stride,
        dilation=block.dilation,
        activation=block.activation,
        name=f"{name}.{index}",
    )
    if block.squeezed:
        index += 1
        y = _excited(y, block.squeezed, f"{name}.{index}")
    y = _conv(y, block.filters, 1, activation=None, name=f"{name}.{index + 1}")
    if block.stride == 1 and block.filters == x.shape[-1]:
        y = layers.Add()([x, y])
    return y


def _excited(x: Tensor, squeezed: int, name: str) -> Tensor:
    """Weigh channels by what the whole map says (Hu et al. 2018, "Squeeze-and-Excitation")."""
    y = layers.GlobalAveragePooling2D(keepdims=True)(x)
    y = layers.Conv2D(squeezed, 1, activation="relu", name=f"{name}.fc1")(y)
    y = layers.Conv2D(x.shape[-1], 1, name=f"{name}.fc2")(y)
    return ops.multiply(x, ops.hard_sigmoid(y))


def _conv(
    x: Tensor,
    filters: int | None,
    kernel: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    activation: Literal["relu", "hard_swish"] | None,
    name: str,
) -> Tensor:
    settings: dict[str, Any] = {"stride": stride, "dilation": dilation, "use_bias": False}
    x = padded_conv(x, filters, kernel, **settings, name=f"{name}.0")
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}.1")(x, training=False)
    if activation == "relu":
        return layers.ReLU()(x)
    return ops.hard_silu(x) if activation == "hard_swish" else x


def resnet50(image: Tensor) -> list[Tensor]:
    """Build ResNet-50 (He et al. 2016) without its classifier, the stride in the 3x3 convolutions.

    Its last stage keeps its map's size; all but the first of its blocks reach twice as far instead.

    Args:
        image: (1, H, W, 3), values from 0 to 1, as they are.

    Returns:
        The maps of strides 2, 4, 8, 16 with 64, 256, 512, 2048 channels.
    """
    x = padded_conv(image, 64, 7, stride=2, use_bias=False, name="backbone.conv1")
    x = layers.ReLU()(stored_norm(x, "backbone.bn1"))
    maps = [x]
    # behind a ReLU, zeros around the map are as good as nothing
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    for stage, num_blocks in enumerate(RESNET_BLOCKS[50], start=1):
        for index in range(num_blocks):
            x = _bottleneck(
                x,
                32 * 2**stage,
                stride=2 if index == 0 and stage in (2, 3) else 1,
                dilation=2 if index > 0 and stage == 4 else 1,
                widens=index == 0,
                name=f"backbone.layer{stage}.{index}",
            )
        if stage != 3:
            maps.append(x)
    return maps


def _bottleneck(
    x: Tensor, filters: int, *, stride: int, dilation: int, widens: bool, name: str
) -> Tensor:
    y = padded_conv(x, filters, 1, use_bias=False, name=f"{name}.conv1")
    y = layers.ReLU()(stored_norm(y, f"{name}.bn1"))
    settings: dict[str, Any] = {"stride": stride, "dilation": dilation, "use_bias": False}
    y = padded_conv(y, filters, 3, **settings, name=f"{name}.conv2")
    y = layers.ReLU()(stored_norm(y, f"{name}.bn2"))
    y = padded_conv(y, 4 * filters, 1, use_bias=False, name=f"{name}.conv3")
    y = stored_norm(y, f"{name}.bn3")
    if widens:
        name = f"{name}.downsample"
        x = padded_conv(x, 4 * filters, 1, stride=stride, use_bias=False, name=f"{name}.0")
        x = stored_norm(x, f"{name}.1")
    return layers.ReLU()(layers.Add()([x, y]))


ENCODERS = {"mobilenetv3": mobilenetv3, "resnet50": resnet50}
