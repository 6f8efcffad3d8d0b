"""Where RF-DETR begins to look: the places of the map that most look like objects."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from segmentation.parts.boxes import take_rows
from segmentation.rf_detr.pieces import WIDTH, moved, norm, perceptron

Tensor = Any

#: sides of the anchor at each place, as a fraction of the image
ANCHOR_SIDE = 0.05
#: how far from the image's border, in the same unit, the centre of an anchor that counts is
MARGIN = 0.01


def anchors(size_hw: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the anchor of each place of a map, row by row, and which of them count.

    On large maps those of the outermost places do not.

    Returns:
        (N, 4) x and y of the centre, width, height as fractions of the image; (N,).
    """
    y, x = ((np.arange(num) + 0.5) / num for num in size_hw)
    rows, columns = np.meshgrid(y, x, indexing="ij")
    side = np.full(rows.size, ANCHOR_SIDE)
    boxes = np.stack([columns.ravel(), rows.ravel(), side, side], axis=1)
    counts = np.all((boxes > MARGIN) & (boxes < 1 - MARGIN), axis=1)
    return boxes.astype(np.float32), counts


def proposals(features: Tensor, num_queries: int, num_outputs: int) -> Tensor:
    """Build the first stage (Zhu et al. 2021, "Deformable DETR", section 4.2).

    Args:
        features: (N, h, w, 256)
        num_queries: boxes to propose.
        num_outputs: of classes.

    Returns:
        (N, num_queries, 4) boxes as of `anchors`; those most like any class first.
    """
    boxes, counts = anchors(features.shape[1:3])
    memory = ops.reshape(features, (features.shape[0], -1, WIDTH))
    if not counts.all():
        memory = ops.multiply(memory, counts[:, None].astype(np.float32))
    root = "transformer.enc_out"
    memory = layers.Dense(WIDTH, name=f"{root}put.0")(memory)
    memory = norm(memory, f"{root}put_norm.0")
    logits = layers.Dense(num_outputs, name=f"{root}_class_embed.0")(memory)
    choose = Chosen(num_queries, boxes * counts[:, None], name="proposals")
    chosen, around, _ = choose(memory, logits)
    deltas = perceptron(chosen, 3, 4, f"{root}_bbox_embed.0")
    return moved(around, deltas, "enc_boxes")


class Chosen(layers.Layer):
    """The places whose largest logit is largest, in this order: each meets a query of its own.

    Args:
        num: of places to choose.
        boxes: (places, 4), the anchor of each place.
    """

    def __init__(self, num: int, boxes: NDArray[np.float32], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num = num
        self._boxes = boxes.astype(np.float32)

    def compute_output_spec(self, memory: Tensor, logits: Tensor) -> tuple[Any, ...]:
        """Return (N, num, C), (N, num, 4), (N, num)."""
        shape = (memory.shape[0], self.num)
        return (
            keras.KerasTensor((*shape, memory.shape[-1])),
            keras.KerasTensor((*shape, 4)),
            keras.KerasTensor(shape, "int32"),
        )

    def call(self, memory: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Choose.

        Args:
            memory: (N, places, C)
            logits: (N, places, num_outputs)

        Returns:
            Their rows of `memory`, their anchors, and which they are.
        """
        _, index = ops.top_k(ops.max(logits, axis=-1), self.num)
        rows = take_rows(memory, index, memory.shape[0])
        boxes = ops.take(ops.convert_to_tensor(self._boxes), index, axis=0)
        return rows, boxes, ops.cast(index, "int32")
