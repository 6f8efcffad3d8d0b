"""The heads of CenterMask that see crops of features: masks, and how well they fit."""

from __future__ import annotations

from typing import Any

from keras import layers, ops

from segmentation.parts.roi_align import WholeCrop

Tensor = Any
Shape = tuple[Any, ...]


def _convs(channels: int, name: str, num: int) -> list[layers.Layer]:
    """Return the convolutions that a head of crops begins with."""
    return [
        layers.Conv2D(channels, 3, padding="same", activation="relu", name=f"{name}{index}")
        for index in range(1, num + 1)
    ]


class MaskHead(layers.Layer):
    """Crops become one mask for each class, after attention to places (SAG-Mask, section 3.3).

    Args:
        num_convs: convolutions before the attention.
        num_classes: C.
    """

    def __init__(self, num_convs: int, num_classes: int, root: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._num_convs, self._num_classes, self._root = num_convs, num_classes, root

    def build(self, input_shape: Shape) -> None:
        """Create the weights."""
        num, height, width, channels = input_shape
        self.convs = _convs(channels, f"{self._root}.mask_fcn", self._num_convs)
        for conv in self.convs:
            conv.build(input_shape)
        self.attend = layers.Conv2D(
            1,
            3,
            padding="same",
            use_bias=False,
            activation="sigmoid",
            name=f"{self._root}.spatialAtt.conv",
        )
        self.attend.build((num, height, width, 2))
        self.enlarge = layers.Conv2DTranspose(
            channels, 2, strides=2, activation="relu", name=f"{self._root}.deconv"
        )
        self.enlarge.build(input_shape)
        self.classify = layers.Conv2D(self._num_classes, 1, name=f"{self._root}.predictor")
        self.classify.build((num, 2 * height, 2 * width, channels))

    def attended(self, crops: Tensor) -> Tensor:
        """Return (M, 14, 14, channels), weighed by place, for crops of that shape."""
        x = crops
        for conv in self.convs:
            x = conv(x)
        summary = [ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)]
        return x * self.attend(ops.concatenate(summary, axis=-1))

    def call(self, crops: Tensor) -> Tensor:
        """Return logits (M, 28, 28, C) for crops (M, 14, 14, channels)."""
        return self.classify(self.enlarge(self.attended(crops)))


class MaskIoUHead(layers.Layer):
    """How well a mask fits its object (Huang et al. 2019, "Mask Scoring R-CNN", section 3.2)."""

    def __init__(self, num_convs: int, num_classes: int, root: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._num_convs, self._num_classes, self._root = num_convs, num_classes, root

    def build(self, input_shape: Shape) -> None:
        """Create the weights."""
        num, height, width, channels = input_shape
        self.convs = _convs(channels, f"{self._root}.maskiou_fcn", self._num_convs - 1)
        self.halve = layers.Conv2D(
            channels,
            3,
            strides=2,
            activation="relu",
            name=f"{self._root}.maskiou_fcn{self._num_convs}",
        )
        shape = (num, height, width, channels + 1)
        for conv in self.convs:
            conv.build(shape)
            shape = input_shape
        self.halve.build((num, height + 2, width + 2, channels))
        self.flatten = WholeCrop(1024, name=f"{self._root}.maskiou_fc1")
        self.flatten.build((1, num, height // 2, width // 2, channels))
        self.dense = layers.Dense(1024, activation="relu", name=f"{self._root}.maskiou_fc2")
        self.dense.build((num, 1024))
        self.rate = layers.Dense(self._num_classes, name=f"{self._root}.maskiou")
        self.rate.build((num, 1024))

    def call(self, crops: Tensor, probs: Tensor) -> Tensor:
        """Return the IoU that each class would have, (M, C).

        Args:
            crops: (M, 14, 14, channels).
            probs: (M, 28, 28) of the mask.
        """
        smaller = ops.max_pool(probs[..., None], 2, strides=2)
        x = ops.concatenate([crops, smaller], axis=-1)
        for conv in self.convs:
            x = conv(x)
        # one row of zeros on every side, where "same" would put it at the end only
        x = self.halve(ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))
        x = ops.reshape(ops.relu(self.flatten(x[None])), (-1, 1024))
        return self.rate(self.dense(x))
