"""Batches of changed photos of people, as the graph that trains `mask-rcnn-person` takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.boxes import pyramid_anchors
from segmentation.data.augment_instances import augment
from segmentation.data.dataset import Photo
from segmentation.mask_rcnn_config import MaskRCNNConfig
from segmentation.training.mask_rcnn_training import TrainingConfig
from segmentation.training.rpn_targets import rpn_targets

#: times that people of other photos may be pasted into one: crowds are rare among the photos
MAX_PASTES = 4
#: side of a box's area, in pixels, below which what is left of somebody is to be ignored
MIN_SIDE = 10
Batch = dict[str, NDArray[Any]]


class PersonBatches:
    """Draws photos, sources by weight, and makes of each one image to train on.

    Args:
        photos: to draw from.
        source_weights: how often each source is drawn, relative to the others; one not named is
            drawn in proportion to its number of photos.
        network: that is trained.
        training: how many objects of an image and so on.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        source_weights: Mapping[str, float],
        network: MaskRCNNConfig,
        training: TrainingConfig,
    ) -> None:
        self._photos = photos
        sources = [photo.source for photo in photos]
        num = {name: sources.count(name) for name in set(sources)}
        total = {name: source_weights.get(name, num[name] / len(photos)) for name in num}
        odds = np.array([total[name] / num[name] for name in sources])
        self._odds = odds / odds.sum()
        self._size_hw = network.size_hw
        self._training = training
        self._anchors = pyramid_anchors(
            network.size_hw,
            strides=network.strides,
            scales_px=network.anchor_scales_px,
            ratios=network.anchor_ratios,
        )

    def batch(self, num: int, seed: tuple[int, ...]) -> Batch:
        """Return what `build_training` describes, of `num` images; the same for the same seed."""
        rng = np.random.default_rng(seed)
        images = [self._image(rng) for _ in range(num)]
        return {name: np.stack([image[name] for image in images]) for name in images[0]}

    def _image(self, rng: np.random.Generator) -> Batch:
        photo = self._photos[int(rng.choice(len(self._photos), p=self._odds))]
        image, masks, _, is_crowd = augment(
            rng,
            photo.image(),
            photo.masks(),
            photo.labels(),
            photo.is_crowd(),
            self._photos,
            max_pastes=MAX_PASTES,
            crop_hw=self._size_hw,
        )
        boxes = np.array([_box(mask) for mask in masks]).reshape(-1, 4)
        is_crowd = is_crowd | (_areas(boxes) < MIN_SIDE**2)
        targets = rpn_targets(
            self._anchors, boxes[~is_crowd], boxes[is_crowd], rng, self._training.num_anchors
        )
        return {
            "image": image,
            **self._objects(masks, boxes, is_crowd),
            "rpn_rows": targets.rows,
            "rpn_matches": targets.matches,
            "rpn_targets": targets.deltas,
            "region_draws": rng.random(self._training.num_drawn, np.float32),
        }

    def _objects(
        self, masks: NDArray[np.uint8], boxes: NDArray[Any], is_crowd: NDArray[np.bool_]
    ) -> Batch:
        most, size = self._training.max_objects, self._training.mini_mask_size
        rows: Batch = {
            "boxes": np.zeros((most, 4), np.float32),
            "labels": np.zeros(most, np.int32),
            "mini_masks": np.zeros((most, size, size), np.uint8),
        }
        for row, index in enumerate(np.argsort(-_areas(boxes))[:most]):
            top, left, bottom, right = boxes[index]
            rows["boxes"][row] = boxes[index]
            rows["labels"][row] = -1 if is_crowd[index] else 1
            part = masks[index, top:bottom, left:right] * np.uint8(255)
            rows["mini_masks"][row] = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA)
        return rows


def _box(mask: NDArray[np.uint8]) -> list[int]:
    left, top, width, height = cv2.boundingRect(mask)
    return [top, left, top + height, left + width]


def _areas(boxes: NDArray[Any]) -> NDArray[Any]:
    area: NDArray[Any] = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area
