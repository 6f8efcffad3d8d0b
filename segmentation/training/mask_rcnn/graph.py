"""The graph that trains a Mask R-CNN: targets drawn within it, five losses, Keras' own `fit`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from segmentation.mask_rcnn.box_coordinates import EXCLUSIVE
from segmentation.mask_rcnn.config import MaskRCNNConfig
from segmentation.mask_rcnn.network import MaskRCNNParts
from segmentation.parts.boxes import take_rows
from segmentation.training.mask_rcnn import losses
from segmentation.training.mask_rcnn.detection_targets import (
    DetectionTargets,
    detection_targets,
    num_object_rows,
)
from segmentation.training.mask_rcnn.rpn_targets import NUM_TRAINED

Tensor = Any

LOSSES = ("rpn_class_loss", "rpn_box_loss", "class_loss", "box_loss", "mask_loss")

#: layers before the stages of the backbone: of a ResNet, and of the portrait network
_STEM = "conv1|bn_conv1|stem"
#: what `train_layers` takes -> names of the layers
TRAINED_LAYERS = {
    "heads": r"mrcnn_.*|rpn_.*|fpn_.*|mask_head",
    "3+": rf"(?!{_STEM}|(res|bn|stage)2).*",
    "4+": rf"(?!{_STEM}|(res|bn|stage)[23]).*",
    "5+": rf"(?!{_STEM}|(res|bn|stage)[234]).*",
    "all": ".*",
}


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """What is made of a photo, and what of an image is trained on; by default Matterport's.

    Attributes:
        max_pastes: times that objects of another photo may be pasted into one.
        crops: an image is a piece of a photo, at random; else all of what `augment` leaves.
        min_side: side of a box's area, in pixels of the input, below which what is left of an
            object is to be ignored.
        max_objects: G, of an image; more are left out.
        mini_mask_size: M, side of the masks that are kept of the objects within their boxes.
        num_anchors: of an image that the RPN is trained on.
        num_proposals: P, from which regions are drawn.
        num_regions: R, that the heads are trained on; at most P.
        min_others: so many of them are background, however few objects an image shows. Matterport's
            program takes twice as many as objects, so that of images without any only the RPN
            learns.
        adds_true_boxes: the boxes of the objects are among the proposals, so that heads learn
            before the RPN does (as in Detectron; Matterport's program does not).
        weight_decay: L2 of each tensor of weights, divided by its size.
        averages: the weights to use are averages over the last steps; else those of the last one.
    """

    max_pastes: int = 1
    crops: bool = False
    min_side: int = 0
    max_objects: int = 100
    mini_mask_size: int = 56
    num_anchors: int = NUM_TRAINED
    num_proposals: int = 2000
    num_regions: int = 200
    min_others: int = 0
    adds_true_boxes: bool = True
    weight_decay: float = 1e-4
    averages: bool = False

    @property
    def num_drawn(self) -> int:
        """Rows that the regions are drawn from."""
        return self.num_proposals + self.adds_true_boxes * self.max_objects


class RegionTargets(layers.Layer):
    """`detection_targets` as a layer; nothing is learnt through it.

    Matterport's program lets the box targets, which depend on the proposals, pass gradients on to
    the RPN's boxes. What shall be reached is a constant here, as in Fast R-CNN.

    Args:
        network: whose masks are trained.
        training: how many regions are drawn from which.
    """

    def __init__(self, network: MaskRCNNConfig, training: TrainingConfig, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self._mask_size = network.mask_size
        height, width = network.size_hw
        self._scale = np.array([height - 1, width - 1] * 2, np.float32)
        self._training = training

    def call(
        self, proposals: Tensor, boxes: Tensor, labels: Tensor, mini_masks: Tensor, draws: Tensor
    ) -> tuple[Tensor, ...]:
        """Return what `DetectionTargets` lists, `boxes` (N, G, 4) being in pixels."""
        normalised = ops.divide(ops.subtract(boxes, EXCLUSIVE.astype(np.float32)), self._scale)
        if self._training.adds_true_boxes:
            true = ops.where(labels[..., None] > 0, normalised, ops.zeros_like(normalised))
            proposals = ops.concatenate([proposals, true], axis=1)
        targets = detection_targets(
            proposals,
            normalised,
            labels,
            ops.cast(mini_masks, "float32") / 255,
            draws,
            num_regions=self._training.num_regions,
            mask_size=self._mask_size,
            min_others=self._training.min_others,
        )
        return self.constants(targets)

    @staticmethod
    def constants(targets: DetectionTargets) -> tuple[Tensor, ...]:
        """Return the targets with no gradient through them."""
        return tuple(ops.stop_gradient(x) for x in targets)


class TrainableMaskRCNN(keras.Model):
    """A Mask R-CNN from images and their objects to everything its losses compare.

    `build_training` makes one; `compile` it with an optimizer alone and `fit` it with batches as
    described there. Each loss is a metric of its own, of the last step.

    Args:
        inputs: by name.
        outputs: by name.
        weight_decay: see `TrainingConfig`.
        num_replicas: copies that train together, each with its share of a batch.
    """

    def __init__(
        self,
        inputs: dict[str, Tensor],
        outputs: dict[str, Tensor],
        *,
        weight_decay: float = 0.0,
        num_replicas: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self._weight_decay = weight_decay
        self._num_replicas = num_replicas
        self._means = {name: keras.metrics.Mean(name=name) for name in (*LOSSES, "l2")}

    def call(
        self, inputs: dict[str, Tensor], training: bool | None = None, mask: Tensor = None
    ) -> dict[str, Tensor]:
        """Return the outputs for a batch, or for the share of it that a replica gets."""
        # TensorFlow forgets of a batch that is shared out how many images each replica gets
        fixed = {name: ops.reshape(inputs[name], x.shape) for name, x in self.input.items()}
        return dict(super().call(fixed, training=training, mask=mask))

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Return the sum of the five losses and the decay of the weights."""
        parts = [*self.losses_of(y_pred), self._l2()]
        for metric, value in zip(self._means.values(), parts, strict=True):
            metric.update_state(value)
        # replicas add up what they learn
        return sum(parts) / self._num_replicas

    def losses_of(self, outputs: dict[str, Tensor]) -> list[Tensor]:
        """Return the five losses, named `LOSSES`, of what the network gave."""
        objects = outputs["labels"][:, : outputs["deltas"].shape[1]]
        num = objects.shape[1]
        matches = outputs["rpn_matches"]
        return [
            losses.rpn_class_loss(matches, outputs["rpn_logits"]),
            losses.rpn_box_loss(matches, outputs["rpn_targets"], outputs["rpn_deltas"]),
            losses.class_loss(outputs["labels"], outputs["class_logits"]),
            losses.box_loss(objects, outputs["deltas"], outputs["box_deltas"][:, :num]),
            losses.mask_loss(
                ops.where(outputs["has_mask"], objects, ops.zeros_like(objects)),
                outputs["masks"],
                outputs["mask_logits"],
            ),
        ]

    def _l2(self) -> Tensor:
        decayed = [
            ops.mean(ops.square(variable))
            for variable in self.trainable_variables
            if variable.name not in ("gamma", "beta")
        ]
        return self._weight_decay * sum(decayed, start=ops.zeros(()))


def build_training(
    parts: MaskRCNNParts, training: TrainingConfig, *, num_replicas: int = 1
) -> TrainableMaskRCNN:
    """Build the graph that trains a network; its variables are those of `parts`.

    Args:
        parts: of the network, for as many images as go through one replica at a time.
        training: how many regions and so on.
        num_replicas: see `TrainableMaskRCNN`.

    Returns:
        A model whose inputs are, by name: image (N, H, W, 3) uint8 RGB; boxes (N, G, 4) float32
        y1, x1, y2, x2 in its pixels; labels (N, G) int32, 0 = no object, -1 = to be ignored;
        mini_masks (N, G, M, M) uint8, 0 to 255, of objects within their boxes, empty where they are
        not known; rpn_rows (N, T), rpn_matches (N, T) and rpn_targets (N, T, 4), see
        `rpn_targets.RPNTargets`; region_draws (N, `TrainingConfig.num_drawn`) float32, random in
        [0, 1).
    """
    network, num = parts.config, parts.num_images
    inputs = {"image": parts.image} | _object_inputs(num, training)
    boxes, labels = inputs["boxes"], inputs["labels"]
    targets = DetectionTargets(
        *RegionTargets(network, training, name="region_targets")(
            parts.proposals(training.num_proposals),
            boxes,
            labels,
            inputs["mini_masks"],
            inputs["region_draws"],
        )
    )
    class_logits, box_deltas = parts.classify(targets.boxes)
    outputs = {
        "rpn_logits": take_rows(parts.rpn_logits, inputs["rpn_rows"], num),
        "rpn_deltas": take_rows(parts.rpn_deltas, inputs["rpn_rows"], num),
        "rpn_matches": inputs["rpn_matches"],
        "rpn_targets": inputs["rpn_targets"],
        "class_logits": class_logits,
        "box_deltas": box_deltas,
        # the other regions have no masks, so theirs need not be worked out
        "mask_logits": parts.masks(targets.boxes[:, : num_object_rows(training.num_regions)]),
        **targets._asdict(),
    }
    return TrainableMaskRCNN(
        inputs,
        outputs,
        weight_decay=training.weight_decay,
        num_replicas=num_replicas,
        name="mask_rcnn_training",
    )


def _object_inputs(num: int, training: TrainingConfig) -> dict[str, Tensor]:
    """Return the inputs of `build_training` that tell of the objects of `num` images."""
    size, most = training.mini_mask_size, training.max_objects
    shapes = {
        "boxes": ((num, most, 4), "float32"),
        "labels": ((num, most), "int32"),
        "mini_masks": ((num, most, size, size), "uint8"),
        "rpn_rows": ((num, training.num_anchors), "int32"),
        "rpn_matches": ((num, training.num_anchors), "int32"),
        "rpn_targets": ((num, training.num_anchors, 4), "float32"),
        "region_draws": ((num, training.num_drawn), "float32"),
    }
    return {
        name: keras.Input(batch_shape=shape, dtype=dtype, name=name)
        for name, (shape, dtype) in shapes.items()
    }


def train_layers(network: keras.Model, which: str) -> None:
    """Let only some layers learn.

    Args:
        network: whose layers are chosen.
        which: a key of `TRAINED_LAYERS`.

    Raises:
        ValueError: there is no such choice.
    """
    if which not in TRAINED_LAYERS:
        raise ValueError(f"layers: one of {', '.join(TRAINED_LAYERS)}, got {which!r}")
    for layer in network.layers:
        layer.trainable = re.fullmatch(TRAINED_LAYERS[which], layer.name) is not None
