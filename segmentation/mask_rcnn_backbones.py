"""The networks that `run.py train mask-rcnn` can train, by the name of their backbone."""

from __future__ import annotations

from dataclasses import dataclass, replace

from segmentation.mask_rcnn_config import MaskRCNNConfig, matterport_config
from segmentation.person_network import person_config
from segmentation.training.mask_rcnn_training import TrainingConfig

#: the small network of `mask-rcnn-person`, for classes of one's own
SMALL = "small"
RESNET_DEPTHS = {"resnet50": 50, "resnet101": 101}
BACKBONES = (*RESNET_DEPTHS, SMALL)

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
    """Return the network of a backbone.

    Args:
        backbone: one of `BACKBONES`.
        size: side of the square input in pixels, a multiple of 64.
        num_classes: C, with the background.
        train_norm: see `segmentation.backbones.resnet`; the small one always does.

    Raises:
        ValueError: `size` is no multiple of 64.
    """
    if backbone == SMALL:
        network = replace(person_config((size, size)), num_classes=num_classes)
        return Trainable(network, SMALL_TRAINING)
    depth = RESNET_DEPTHS[backbone]
    network = matterport_config(size, num_classes=num_classes, depth=depth, train_norm=train_norm)
    return Trainable(network, TrainingConfig())
