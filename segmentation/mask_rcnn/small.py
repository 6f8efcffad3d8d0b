"""The small Mask R-CNN: on the portrait network instead of a ResNet."""

from __future__ import annotations

from typing import Any

from keras import layers

from segmentation.mask_rcnn.config import MaskRCNNConfig
from segmentation.portrait.network import decoder, encoder

Tensor = Any


def portrait_stages(pixels: Tensor) -> list[Tensor]:
    """Build the backbone: what portrait's encoder and decoder know, at strides 8, 16 and 32.

    Args:
        pixels: (N, H, W, 3) float32 RGB, 0 to 255.
    """
    levels = encoder(pixels)
    maps = decoder(levels)
    return [
        layers.Concatenate()([levels[2], maps[1]]),
        layers.Concatenate()([levels[3], maps[0]]),
        levels[4],
    ]


def small_config(size_hw: tuple[int, int], num_classes: int) -> MaskRCNNConfig:
    """Return the description of the network.

    Args:
        size_hw: of the input in pixels, multiples of 64.
        num_classes: C, with the background.

    Raises:
        ValueError: `size_hw` is none such.
    """
    return MaskRCNNConfig(
        backbone=portrait_stages,
        size_hw=size_hw,
        num_classes=num_classes,
        strides=(8, 16, 32, 64),
        anchor_scales_px=(32, 64, 128, 256),
        anchor_ratios=(0.4, 0.9),
        pyramid_channels=64,
        rpn_channels=64,
        box_channels=256,
        mask_channels=32,
        num_mask_convs=4,
        num_mask_doublings=1,
        box_grid=7,
        mask_grid=28,
        canonical_px=160.0,
        num_candidates=300,
        num_proposals=100,
        num_detections=20,
        max_proposal_iou=0.7,
        max_detection_iou=0.5,
    )
