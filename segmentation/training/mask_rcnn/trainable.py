"""The networks that `run.py train mask-rcnn` can train, and how."""

from __future__ import annotations

from dataclasses import dataclass

from segmentation.mask_rcnn.by_backbone import network_config
from segmentation.mask_rcnn.config import MaskRCNNConfig
from segmentation.mask_rcnn.published import SMALL
from segmentation.training.mask_rcnn.graph import TrainingConfig

#: fewer regions than with a ResNet, of whose pyramid this one has an eighth of the numbers
SMALL_TRAINING = TrainingConfig(
    max_objects=32, num_anchors=128, num_proposals=100, num_regions=48, weight_decay=0.0
)


@dataclass(frozen=True, slots=True)
class Trainable:
    """A network and how it is trained."""

    network: MaskRCNNConfig
    training: TrainingConfig


def trainable(backbone: str, size: int, num_classes: int, *, train_norm: bool = False) -> Trainable:
    """Return the network of a backbone, and how it is trained; see `network_config`."""
    network = network_config(backbone, size, num_classes, train_norm=train_norm)
    return Trainable(network, SMALL_TRAINING if backbone == SMALL else TrainingConfig())
