"""Convolutions and normalisation as several families use them."""

from __future__ import annotations

from typing import Any

from keras import layers

Tensor = Any

#: bottleneck blocks in stages 2 to 5 (He et al. 2016, table 1)
RESNET_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def padded_conv(
    x: Tensor,
    filters: int | None,
    kernel: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    use_bias: bool = True,
    name: str,
) -> Tensor:
    """Convolve a map that is continued by kernel // 2 zeros on all four sides, as PyTorch does.

    With a dilation there are as many times more of them. Keras' "same" would put all of them to the
    right and the bottom where the stride is 2.

    Args:
        x: (N, H, W, C)
        filters: channels of the result, `None` to filter each channel by itself.
        kernel: side of the kernel, odd.
        stride: of the convolution; 1 with a dilation.
        dilation: pixels from one tap of the kernel to the next.
        use_bias: whether it has a bias.
        name: of the layer.
    """
    if stride > 1:
        x = layers.ZeroPadding2D(kernel // 2)(x)
    settings = {
        "strides": stride,
        "dilation_rate": dilation,
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
