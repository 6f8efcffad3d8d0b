"""What a Mask R-CNN is made of: one frozen description, by default Matterport's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from segmentation.mask_rcnn.box_coordinates import normalise
from segmentation.mask_rcnn.published import PUBLISHED_SIZE
from segmentation.mask_rcnn.resnet import resnet
from segmentation.parts.boxes import pyramid_anchors

Tensor = Any
#: pixels (N, H, W, 3) float32 RGB, 0 to 255 -> maps of features, finest first
Backbone = Callable[[Tensor], list[Tensor]]

MEAN_RGB = (123.7, 116.8, 103.9)


def resnet_of_pixels(pixels: Tensor, depth: int, *, train_norm: bool = False) -> list[Tensor]:
    """Build Matterport's backbone: a ResNet of pixels from which the mean colour is subtracted.

    Args:
        pixels: (N, H, W, 3) float32 RGB, 0 to 255.
        depth: 50 or 101.
        train_norm: see `segmentation.mask_rcnn.resnet.resnet`.
    """
    return resnet(
        ops.subtract(pixels, np.array(MEAN_RGB, np.float32)), depth, train_norm=train_norm
    )


PUBLISHED_BACKBONE: Backbone = partial(resnet_of_pixels, depth=101)


@dataclass(frozen=True, slots=True)
class MaskRCNNConfig:
    """Everything that decides the shape of a Mask R-CNN and of its tensors.

    Attributes:
        backbone: makes the stages that the pyramid is built on, one for each stride but for those
            at the end that have none: these levels are every second pixel of the one before.
        size_hw: of the network's input in pixels, multiples of the last stride.
        num_classes: C, with the background.
        strides: pixels of the input per feature pixel, each twice the one before.
        anchor_scales_px: side of the square anchor of each stride.
        anchor_ratios: width over height of the anchors.
        pyramid_channels: of every level of the feature pyramid.
        rpn_channels: of the hidden layer of the region proposal network.
        box_channels: of the two hidden layers of the box head.
        mask_channels: of the mask head.
        num_mask_convs: convolutions of the mask head before its map is enlarged.
        num_mask_doublings: how often the map of the mask head is doubled; the mask of an object is
            `mask_grid` times two to the power of this on a side.
        box_grid: samples on a side that the box head sees of a region.
        mask_grid: likewise of the mask head.
        canonical_px: side of the region that is read from the level of stride 16.
        num_candidates: best anchors that become candidates of proposals.
        num_proposals: P, which go through the box head.
        num_detections: K, which go through the mask head; a multiple of `boxes.BATCH`.
        max_proposal_iou: above it the less certain of two proposals is dropped.
        max_detection_iou: likewise of two detections of one class.
    """

    backbone: Backbone = PUBLISHED_BACKBONE
    size_hw: tuple[int, int] = (PUBLISHED_SIZE, PUBLISHED_SIZE)
    num_classes: int = 81
    strides: tuple[int, ...] = (4, 8, 16, 32, 64)
    anchor_scales_px: tuple[float, ...] = (32, 64, 128, 256, 512)
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    pyramid_channels: int = 256
    rpn_channels: int = 512
    box_channels: int = 1024
    mask_channels: int = 256
    num_mask_convs: int = 4
    num_mask_doublings: int = 1
    box_grid: int = 7
    mask_grid: int = 14
    canonical_px: float = 224.0
    num_candidates: int = 6000
    num_proposals: int = 1000
    num_detections: int = 100
    max_proposal_iou: float = 0.7
    max_detection_iou: float = 0.3

    def __post_init__(self) -> None:
        """Check the size; raises `ValueError`."""
        for side in self.size_hw:
            if side <= 0 or side % self.strides[-1]:
                raise ValueError(f"size: expected a multiple of {self.strides[-1]}, got {side}")

    @property
    def mask_size(self) -> int:
        """Side of the mask of an object, in its own pixels."""
        return self.mask_grid << self.num_mask_doublings

    @property
    def first_level(self) -> int:
        """Number of the finest level of the pyramid; its stride is two to the power of it."""
        return self.strides[0].bit_length() - 1

    def anchors_px(self) -> NDArray[np.float64]:
        """Return the anchors (A, 4) in pixels, see `pyramid_anchors`."""
        return pyramid_anchors(
            self.size_hw,
            strides=self.strides,
            scales_px=self.anchor_scales_px,
            ratios=self.anchor_ratios,
        )

    def anchors(self) -> NDArray[np.float32]:
        """Return the anchors (A, 4), normalised."""
        return normalise(self.anchors_px(), self.size_hw)


def matterport_config(
    size: int, *, num_classes: int = 81, depth: int = 101, train_norm: bool = False
) -> MaskRCNNConfig:
    """Return the description of Matterport's network.

    Args:
        size: side of the square input in pixels, a multiple of 64; the weights fit every size.
        num_classes: C, with the background.
        depth: of the ResNet, 50 or 101.
        train_norm: see `segmentation.mask_rcnn.resnet.resnet`.

    Raises:
        ValueError: `size` is no multiple of 64.
    """
    return MaskRCNNConfig(
        backbone=partial(resnet_of_pixels, depth=depth, train_norm=train_norm),
        size_hw=(size, size),
        num_classes=num_classes,
    )
