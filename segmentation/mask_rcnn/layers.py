"""The layers that Mask R-CNN has beside convolutions: proposals, heads, detections, their masks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from segmentation.mask_rcnn.box_coordinates import DELTA_SCALE
from segmentation.parts.boxes import apply_deltas, clip, in_batches, non_max_suppression, take_rows
from segmentation.parts.convolutions import StoredNorm
from segmentation.parts.roi_align import PyramidRoIAlign, WholeCrop

Tensor = Any
Shape = tuple[Any, ...]


class Proposals(layers.Layer):
    """The best anchors, moved by their deltas, that do not overlap each other much.

    Args:
        anchors: (A, 4) normalised.
        num_images: N.
        num_candidates: best anchors that are looked at.
        num_kept: P.
        max_iou: of two proposals.
    """

    def __init__(
        self,
        anchors: NDArray[np.float32],
        num_images: int,
        *,
        num_candidates: int,
        num_kept: int,
        max_iou: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._anchors = anchors
        self._num_images = num_images
        self._num_candidates = min(num_candidates, len(anchors))
        self._num_kept = num_kept
        self._max_iou = max_iou

    def compute_output_spec(self, scores: Tensor, deltas: Tensor) -> keras.KerasTensor:
        """Return (N, P, 4), without tracing the loops of `call`."""
        return keras.KerasTensor((self._num_images, self._num_kept, 4))

    def call(self, scores: Tensor, deltas: Tensor) -> Tensor:
        """Return proposals (N, P, 4), padded with 0, for scores (N, A) and deltas (N, A, 4)."""
        best = ops.top_k(scores, self._num_candidates)[1]
        anchors = ops.take(self._anchors, best, axis=0)
        deltas = ops.multiply(take_rows(deltas, best, self._num_images), DELTA_SCALE)
        whole = np.tile(np.array([[0, 0, 1, 1]], np.float32), (self._num_images, 1))
        return non_max_suppression(
            clip(apply_deltas(anchors, deltas), whole),
            np.ones((self._num_images, self._num_candidates), bool),
            max_iou=self._max_iou,
            num_kept=self._num_kept,
            num_images=self._num_images,
            labelled=False,
        )


class Detections(layers.Layer):
    """Proposals with a wanted class, refined, without duplicates of one class.

    Args:
        num_images: N.
        num_kept: K.
        max_iou: of two detections of one class.
    """

    def __init__(self, num_images: int, *, num_kept: int, max_iou: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._num_images = num_images
        self._num_kept = num_kept
        self._max_iou = max_iou

    def compute_output_spec(self, *_: Tensor) -> keras.KerasTensor:
        """Return (N, K, 6), without tracing the loops of `call`."""
        return keras.KerasTensor((self._num_images, self._num_kept, 6))

    def call(
        self, proposals: Tensor, probs: Tensor, deltas: Tensor, window: Tensor, min_scores: Tensor
    ) -> Tensor:
        """Choose.

        Args:
            proposals: (N, P, 4) normalised, rows of 0 are padding.
            probs: (N, P, C), class 0 is the background.
            deltas: (N, P, C, 4).
            window: (N, 4) normalised, where the photo lies in the network's input.
            min_scores: (N, C), the score from which a class counts.

        Returns:
            (N, K, 6) box, class, score; best first, padded with 0.
        """
        num, (num_rows, num_classes) = self._num_images, probs.shape[1:]
        score, label = (x[..., 0] for x in ops.top_k(probs, 1))
        label = ops.cast(label, "int32")
        per_class = ops.reshape(deltas, (num, num_rows * num_classes, 4))
        row = np.arange(num_rows, dtype=np.int32) * num_classes
        delta = ops.multiply(
            take_rows(per_class, ops.convert_to_tensor(row) + label, num), DELTA_SCALE
        )
        box = clip(apply_deltas(proposals, delta), window)
        least = take_rows(min_scores[..., None], label, num)[..., 0]
        is_proposal = ops.any(proposals != 0, axis=-1)
        counts = ops.logical_and(ops.logical_and(label > 0, score >= least), is_proposal)
        rank = ops.where(counts, score, -ops.ones_like(score))
        best, order = ops.top_k(rank, num_rows)
        columns = [box, ops.cast(label, "float32")[..., None], score[..., None]]
        return non_max_suppression(
            take_rows(ops.concatenate(columns, axis=-1), order, num),
            best > 0,
            max_iou=self._max_iou,
            num_kept=self._num_kept,
            num_images=num,
            labelled=True,
        )


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


class DetectionMasks(layers.Layer):
    """Masks of the detections, a few at a time, until only padding is left."""

    def __init__(self, head: MaskHead, align: PyramidRoIAlign, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.head = head
        self.align = align
        self._size = head.scale * align.grid

    def build(self, detections_shape: Shape, pixels_shape: Shape) -> None:
        """Create the weights of the head, outside the loop that uses them."""
        if not self.head.built:
            self.head.build((None, self.align.grid, self.align.grid, pixels_shape[-1]))
        self.built = True

    def compute_output_spec(self, detections: Tensor, pixels: Tensor) -> keras.KerasTensor:
        """Return (N, K, size, size), without tracing the loop of `call`."""
        return keras.KerasTensor((*detections.shape[:2], self._size, self._size))

    def call(self, detections: Tensor, pixels: Tensor) -> Tensor:
        """Work out the masks.

        Args:
            detections: (N, K, 6) box, class, score; the padding last.
            pixels: joined feature levels.

        Returns:
            (N, K, size, size) logits of each detection's own class; 0 for the padding.
        """

        def masks(rows: Tensor) -> tuple[Tensor]:
            crops = self.align(rows[..., :4], pixels)
            logits = self.head(ops.reshape(crops, (-1, *crops.shape[2:])))
            logits = ops.cast(logits, "float32")
            label = ops.cast(ops.reshape(rows[..., 4], (-1, 1, 1)), "int32")
            return (ops.sum(logits * ops.one_hot(label, logits.shape[-1]), axis=-1),)

        return in_batches(masks, detections, [(self._size, self._size)])[0]
