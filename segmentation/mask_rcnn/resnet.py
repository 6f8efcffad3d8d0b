"""ResNet as Matterport's weights know it."""

from __future__ import annotations

from keras import layers

from segmentation.parts.convolutions import RESNET_BLOCKS, StoredNorm, Tensor


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
