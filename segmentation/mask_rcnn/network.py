"""The network of Mask R-CNN (He et al. 2017) as Matterport built and trained it, on Keras 3.

It takes an image brought to its fixed size and returns a fixed number of detections, padded with
rows of score 0. `segmentation.mask_rcnn.segmenter` puts a photo's pixels around it. Its parts are
made once by `MaskRCNNParts`; the graph here is the one that finds objects,
`segmentation.training.mask_rcnn.graph` makes another of the same parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from segmentation.mask_rcnn.config import MaskRCNNConfig
from segmentation.mask_rcnn.detections import DetectionMasks, Detections
from segmentation.mask_rcnn.heads import BoxHead, MaskHead
from segmentation.mask_rcnn.rpn import Proposals, rpn_head
from segmentation.parts.feature_pyramid import feature_pyramid
from segmentation.parts.precision import computing_in
from segmentation.parts.roi_align import PyramidRoIAlign, join_levels

Tensor = Any


class MaskRCNNParts:
    """The tensors and heads of one network, which graphs for finding and for training share.

    Args:
        config: of the network.
        num_images: N.
        dtype: "float32" or "bfloat16", of convolutions and matrix products; boxes, samples,
            scores and everything else are worked out in float32.

    Attributes:
        config: as passed in.
        num_images: N.
        image: input (N, H, W, 3) uint8 RGB.
        stages: feature maps of the backbone, finest first.
        pyramid: feature maps of every stride.
        rpn_logits: (N, A, 2) of every anchor, background and object.
        rpn_probs: (N, A, 2) float32.
        rpn_deltas: (N, A, 4) of every anchor, in units of `DELTA_SCALE`.
        mask_head: a layer from crops (M, grid, grid, C') to logits (M, size, size, C).
    """

    def __init__(
        self, config: MaskRCNNConfig, *, num_images: int = 1, dtype: str = "float32"
    ) -> None:
        self.config = config
        self.num_images = num_images
        self.image = keras.Input(
            batch_shape=(num_images, *config.size_hw, 3), dtype="uint8", name="image"
        )
        with computing_in(dtype):
            self.stages = config.backbone(ops.cast(self.image, "float32"))
            self.pyramid = _pyramid(self.stages, config)
            self.rpn_logits, self.rpn_deltas = rpn_head(self.pyramid, config)
            self._box_head = BoxHead(config.num_classes, config.box_channels)
            self.mask_head = MaskHead(
                config.num_classes,
                channels=config.mask_channels,
                num_convs=config.num_mask_convs,
                num_doublings=config.num_mask_doublings,
                name="mask_head",
            )
        self.rpn_probs = layers.Softmax(name="rpn_class", dtype="float32")(self.rpn_logits)
        self.features = join_levels(self.pyramid[: len(self.stages)])

    def proposals(self, num_kept: int) -> Tensor:
        """Return the best regions (N, num_kept, 4), normalised, padded with 0."""
        propose = Proposals(
            self.config.anchors(),
            self.num_images,
            num_candidates=self.config.num_candidates,
            num_kept=num_kept,
            max_iou=self.config.max_proposal_iou,
            name="proposals",
            dtype="float32",
        )
        return propose(self.rpn_probs[..., 1], self.rpn_deltas)

    def align(self, grid: int, name: str) -> PyramidRoIAlign:
        """Return the layer that samples boxes (N, K, 4), normalised, from `features`."""
        height, width = self.config.size_hw
        return PyramidRoIAlign(
            grid,
            sizes_hw=[x.shape[1:3] for x in self.stages],
            image_area=height * width,
            num_images=self.num_images,
            first_level=self.config.first_level,
            canonical_px=self.config.canonical_px,
            name=name,
            dtype="float32",
        )

    def classify(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, K, C) and deltas (N, K, C, 4) of boxes (N, K, 4), normalised."""
        align = self.align(self.config.box_grid, "roi_align_classifier")
        return self._box_head(align(boxes, self.features))

    def masks(self, boxes: Tensor) -> Tensor:
        """Return mask logits (N, K, size, size, C) of boxes (N, K, 4), normalised."""
        crops = self.align(self.config.mask_grid, "roi_align_mask")(boxes, self.features)
        logits = self.mask_head(ops.reshape(crops, (-1, *crops.shape[2:])))
        return ops.reshape(logits, (*crops.shape[:2], *logits.shape[1:]))


def _pyramid(stages: Sequence[Tensor], config: MaskRCNNConfig) -> list[Tensor]:
    pyramid = feature_pyramid(
        stages,
        config.pyramid_channels,
        first=config.first_level,
        lateral="fpn_c{level}p{level}",
        output="fpn_p{level}",
    )
    for level in range(len(stages), len(config.strides)):
        thin = layers.MaxPooling2D(1, strides=2, name=f"fpn_p{config.first_level + level}")
        pyramid.append(thin(pyramid[-1]))
    return pyramid


def build_network(
    config: MaskRCNNConfig, *, num_images: int = 1, dtype: str = "float32"
) -> keras.Model:
    """Build the network that finds objects.

    Args:
        config: of the network.
        num_images: N.
        dtype: see `MaskRCNNParts`.

    Returns:
        A model of fixed shapes. Inputs: images (N, H, W, 3) uint8 RGB; windows (N, 4)
        float32, y1, x1, y2, x2 of the photo in the image, see `normalise`; least scores (N, C)
        float32, above 1 for classes not wanted. Outputs: boxes (N, K, 4) float32 normalised
        y1, x1, y2, x2; scores (N, K) float32, 0 = no more detections; classes (N, K) int32,
        0 = background; mask logits (N, K, size, size) float32.
    """
    parts = MaskRCNNParts(config, num_images=num_images, dtype=dtype)
    window = keras.Input(batch_shape=(num_images, 4), name="window")
    min_scores = keras.Input(batch_shape=(num_images, config.num_classes), name="min_scores")

    proposals = parts.proposals(config.num_proposals)
    logits, deltas = parts.classify(proposals)
    probs = layers.Softmax(name="mrcnn_class", dtype="float32")(logits)
    choose = Detections(
        num_images,
        num_kept=config.num_detections,
        max_iou=config.max_detection_iou,
        name="detections",
        dtype="float32",
    )
    detections = choose(proposals, probs, deltas, window, min_scores)
    align = parts.align(config.mask_grid, "roi_align_mask")
    masks = DetectionMasks(parts.mask_head, align, name="masks", dtype="float32")(
        detections, parts.features
    )
    boxes, scores = detections[..., :4], detections[..., 5]
    outputs = [boxes, scores, ops.cast(detections[..., 4], "int32"), masks]
    return keras.Model([parts.image, window, min_scores], outputs, name="mask_rcnn")
