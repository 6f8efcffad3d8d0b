"""The region proposal network (Ren et al. 2015): which anchors are objects, and where exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from segmentation.mask_rcnn.box_coordinates import DELTA_SCALE
from segmentation.mask_rcnn.config import MaskRCNNConfig
from segmentation.parts.boxes import apply_deltas, clip, non_max_suppression, take_rows

Tensor = Any


def rpn_head(pyramid: Sequence[Tensor], config: MaskRCNNConfig) -> tuple[Tensor, Tensor]:
    """Build what every level of the pyramid goes through.

    Returns:
        Of each anchor, logits (N, A, 2), background and object, and deltas (N, A, 4).
    """
    shared = layers.Conv2D(
        config.rpn_channels, 3, padding="same", activation="relu", name="rpn_conv_shared"
    )
    num_ratios = len(config.anchor_ratios)
    classify = layers.Conv2D(2 * num_ratios, 1, name="rpn_class_raw")
    locate = layers.Conv2D(4 * num_ratios, 1, name="rpn_bbox_pred")
    logits, deltas = [], []
    for level in pyramid:
        features = shared(level)
        logits.append(layers.Reshape((-1, 2))(classify(features)))
        deltas.append(layers.Reshape((-1, 4))(locate(features)))
    return (
        layers.Concatenate(axis=1, name="rpn_class_logits")(logits),
        layers.Concatenate(axis=1, name="rpn_bbox")(deltas),
    )


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
