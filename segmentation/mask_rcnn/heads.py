"""The heads of Mask R-CNN (He et al. 2017, section 3): class, box and mask of a region."""

from __future__ import annotations

from typing import Any

from keras import layers, ops

from segmentation.parts.convolutions import StoredNorm
from segmentation.parts.roi_align import WholeCrop

Tensor = Any
Shape = tuple[Any, ...]


class BoxHead:
    """Class and box of regions from their crops; every call uses the same layers.

    Args:
        num_classes: C, with the background.
        channels: of the two hidden layers.
    """

    def __init__(self, num_classes: int, channels: int) -> None:
        self._num_classes = num_classes
        self._convs = [WholeCrop(channels, name=f"mrcnn_class_conv{index}") for index in (1, 2)]
        self._norms = [StoredNorm(epsilon=1e-3, name=f"mrcnn_class_bn{index}") for index in (1, 2)]
        self._classify = layers.Dense(num_classes, name="mrcnn_class_logits")
        self._locate = layers.Dense(4 * num_classes, name="mrcnn_bbox_fc")

    def __call__(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, P, C) and deltas (N, P, C, 4) for crops (N, P, grid, grid, C')."""
        x = crops
        num, num_rows = crops.shape[:2]
        for conv, norm in zip(self._convs, self._norms, strict=True):
            x = layers.ReLU()(norm(conv(x)))
        x = ops.reshape(x, (num, num_rows, x.shape[-1]))
        deltas = layers.Reshape((num_rows, self._num_classes, 4), name="mrcnn_bbox")
        return self._classify(x), deltas(self._locate(x))


class MaskHead(layers.Layer):
    """Crops of the features become one mask for each class (He et al. 2017, figure 4 right).

    Args:
        num_classes: C, with the background.
        channels: of the convolutions.
        num_convs: before the map is enlarged.
        num_doublings: of the map.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        channels: int = 256,
        num_convs: int = 4,
        num_doublings: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.scale = 2**num_doublings
        self.steps = []
        for index in range(1, num_convs + 1):
            conv = layers.Conv2D(channels, 3, padding="same", name=f"mrcnn_mask_conv{index}")
            norm = StoredNorm(epsilon=1e-3, name=f"mrcnn_mask_bn{index}")
            self.steps += [conv, norm]
        self.enlarge = [
            layers.Conv2DTranspose(
                channels, 2, strides=2, activation="relu", name=f"mrcnn_mask_deconv{number}"
            )
            for number in ["", *range(2, num_doublings + 1)][:num_doublings]
        ]
        self.classify = layers.Conv2D(num_classes, 1, name="mrcnn_mask")

    def build(self, input_shape: Shape) -> None:
        """Create the weights."""
        shape = tuple(input_shape)
        for step in [*self.steps, *self.enlarge, self.classify]:
            step.build(shape)
            shape = step.compute_output_shape(shape)
        self.built = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the logits."""
        num, height, width, _ = input_shape
        return (num, height * self.scale, width * self.scale, self.classify.filters)

    def call(self, crops: Tensor) -> Tensor:
        """Return logits (M, scale * grid, scale * grid, C) for crops (M, grid, grid, C')."""
        x = crops
        for conv, norm in zip(self.steps[::2], self.steps[1::2], strict=True):
            x = ops.relu(norm(conv(x)))
        for enlarge in self.enlarge:
            x = enlarge(x)
        return self.classify(x)
