"""Backbones and the feature pyramid: an image becomes maps of features at several strides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from keras import layers, ops

Tensor = Any

#: bottleneck blocks in stages 2 to 5 (He et al. 2016, table 1)
RESNET_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def padded_conv(
    x: Tensor,
    filters: int | None,
    kernel: int,
    *,
    stride: int = 1,
    use_bias: bool = True,
    name: str,
) -> Tensor:
    """Convolve a map that is continued by kernel // 2 zeros on all four sides, as PyTorch does.

    Keras' "same" would put all of them to the right and the bottom where the stride is 2.

    Args:
        x: (N, H, W, C)
        filters: channels of the result, `None` to filter each channel by itself.
        kernel: side of the kernel, odd.
        stride: of the convolution.
        use_bias: whether it has a bias.
        name: of the layer.
    """
    if stride > 1:
        x = layers.ZeroPadding2D(kernel // 2)(x)
    settings = {
        "strides": stride,
        "padding": "same" if stride == 1 else "valid",
        "use_bias": use_bias,
        "name": name,
    }
    if filters is None:
        return layers.DepthwiseConv2D(kernel, **settings)(x)
    return layers.Conv2D(filters, kernel, **settings)(x)


def stored_norm(x: Tensor, name: str) -> Tensor:
    """Normalise by stored statistics, with the epsilon of PyTorch."""
    return layers.BatchNormalization(epsilon=1e-5, name=name)(x, training=False)


class StoredNorm(layers.BatchNormalization):
    """Normalises by stored statistics, in training too.

    `training=False` in a call would not do: a model that is trained tells all its layers so.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:
        """Normalise (N, ..., C)."""
        return super().call(inputs, training=False, mask=mask)


def _norm(x: Tensor, name: str, *, train: bool) -> Tensor:
    """Normalise by stored statistics; in training, if `train`, by those of the batch."""
    layer = layers.BatchNormalization if train else StoredNorm
    return layer(epsilon=1e-3, name=name)(x)


def _bottleneck(x: Tensor, filters: int, *, stride: int, block: str, train_norm: bool) -> Tensor:
    """Add a bottleneck block; its first block (`2a`, `3a`, ...) changes the depth of the map.

    The stride is in the first 1x1 convolution, as in the first version of ResNet.
    """

    def conv_norm(value: Tensor, num: int, kernel: int, stride: int, branch: str) -> Tensor:
        value = layers.Conv2D(
            num, kernel, strides=stride, padding="same", name=f"res{block}_branch{branch}"
        )(value)
        return _norm(value, f"bn{block}_branch{branch}", train=train_norm)

    y = layers.ReLU()(conv_norm(x, filters, 1, stride, "2a"))
    y = layers.ReLU()(conv_norm(y, filters, 3, 1, "2b"))
    y = conv_norm(y, 4 * filters, 1, 1, "2c")
    if block.endswith("a"):
        x = conv_norm(x, 4 * filters, 1, stride, "1")
    return layers.ReLU(name=f"res{block}_out")(layers.Add()([y, x]))


def resnet(image: Tensor, depth: int, *, train_norm: bool = False) -> list[Tensor]:
    """Build ResNet (He et al. 2016) as Matterport's weights know it: v1, biases, epsilon 1e-3.

    Args:
        image: (N, H, W, 3) float32, sides multiples of 64, the mean colour subtracted.
        depth: a key of `RESNET_BLOCKS`.
        train_norm: training changes the statistics of the batch normalisation, which a network
            without trained weights needs; else they are frozen.

    Returns:
        C2, C3, C4, C5 of strides 4, 8, 16, 32 with 256, 512, 1024, 2048 channels, layers named
        `res2c_out` and so on.
    """
    x = layers.ZeroPadding2D(3)(image)
    x = layers.Conv2D(64, 7, strides=2, name="conv1")(x)
    x = _norm(x, "bn_conv1", train=train_norm)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(layers.ReLU()(x))
    stages = []
    for stage, num_blocks in enumerate(RESNET_BLOCKS[depth], start=2):
        for index in range(num_blocks):
            stride = 2 if index == 0 and stage > 2 else 1
            block = f"{stage}{chr(ord('a') + index)}"
            filters = 64 * 2 ** (stage - 2)
            x = _bottleneck(x, filters, stride=stride, block=block, train_norm=train_norm)
        stages.append(x)
    return stages


class Doubled(layers.Layer):
    """Every pixel becomes four, whatever the size of the map."""

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return (N, 2H, 2W, C)."""
        num, *size_hw, channels = input_shape
        return (num, *(None if side is None else 2 * side for side in size_hw), channels)

    def call(self, x: Tensor) -> Tensor:
        """Enlarge (N, H, W, C)."""
        num, height, width, channels = ops.shape(x)
        wide = ops.reshape(ops.concatenate([x, x], axis=-1), (num, height, 2 * width, channels))
        both = ops.concatenate([wide, wide], axis=2)
        return ops.reshape(both, (num, 2 * height, 2 * width, channels))


def doubled(coarser: Tensor, finer: Tensor) -> Tensor:
    """Return a map twice as large, which is the size of the next finer one."""
    return Doubled()(coarser)


def feature_pyramid(
    stages: Sequence[Tensor],
    channels: int = 256,
    *,
    first: int,
    lateral: str,
    output: str,
    enlarge: Callable[[Tensor, Tensor], Tensor] = doubled,
) -> list[Tensor]:
    """Build the feature pyramid (Lin et al. 2017): each level sees all deeper ones.

    Args:
        stages: one for each level, finest first.
        channels: of every level.
        first: number of the finest level.
        lateral: name of the layer that reads a stage, with a place for the `level`, or its
            `order`, 0 being the coarsest.
        output: name of the layer that makes a level, likewise.
        enlarge: brings a level to the size of the next finer one, which it is given too.

    Returns:
        As many levels, finest first.
    """
    orders = range(len(stages) - 1, -1, -1)
    merged: list[Tensor] = []
    for order, stage in enumerate(reversed(stages)):
        level = first + orders[order]
        x = layers.Conv2D(channels, 1, name=lateral.format(level=level, order=order))(stage)
        merged.insert(0, layers.Add()([enlarge(merged[0], x), x]) if merged else x)
    return [
        layers.Conv2D(
            channels, 3, padding="same", name=output.format(level=first + index, order=order)
        )(x)
        for index, (order, x) in enumerate(zip(orders, merged, strict=True))
    ]
