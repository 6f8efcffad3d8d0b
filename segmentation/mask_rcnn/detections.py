"""What Mask R-CNN reports: regions that are objects, without duplicates, and their masks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from segmentation.mask_rcnn.box_coordinates import DELTA_SCALE
from segmentation.mask_rcnn.heads import MaskHead
from segmentation.parts.boxes import apply_deltas, clip, in_batches, non_max_suppression, take_rows
from segmentation.parts.roi_align import PyramidRoIAlign

Tensor = Any
Shape = tuple[Any, ...]


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
