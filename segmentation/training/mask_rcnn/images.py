"""Annotated photos become batches to train a Mask R-CNN on, the same at every call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from segmentation.data import Photo
from segmentation.errors import DataError
from segmentation.mask_rcnn.config import MaskRCNNConfig
from segmentation.mask_rcnn.molding import mold, photo_window
from segmentation.training.mask_rcnn.augment_instances import augment, can_give
from segmentation.training.mask_rcnn.graph import TrainingConfig
from segmentation.training.mask_rcnn.rpn_targets import rpn_targets

Batch = dict[str, NDArray[Any]]

#: threads that make batches, and batches that wait
NUM_THREADS, NUM_WAITING = 2, 8


class TrainingImages:
    """An endless row of photos in random order, changed at random, each with its targets.

    Everything random follows from the seed and the place in the row.

    Args:
        photos: to learn from.
        network: that is trained; its input is square.
        training: what is made of a photo.
        seed: of everything random.
        odds: (N,) of each photo to be drawn, summing to 1; without it each photo comes once
            before any comes again.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        network: MaskRCNNConfig,
        training: TrainingConfig,
        seed: int = 0,
        odds: NDArray[np.float64] | None = None,
    ) -> None:
        self._photos = photos
        self._donors = [photo for photo in photos if can_give(photo)]
        self._size = network.size_hw[0]
        self._training = training
        self._seed = seed
        self._odds = odds
        self._anchors = network.anchors_px()
        self._order = lru_cache(4)(self._draw_order)

    def _draw_order(self, turn: int) -> NDArray[np.int64]:
        return np.random.default_rng((self._seed, 0, turn)).permutation(len(self._photos))

    def _photo(self, place: int) -> Photo:
        if self._odds is None:
            turn, index = divmod(place, len(self._photos))
            return self._photos[int(self._order(turn)[index])]
        rng = np.random.default_rng((self._seed, 0, place))
        return self._photos[int(rng.choice(len(self._photos), p=self._odds))]

    def batch(self, first: int, num: int) -> Batch:
        """Return the images `first` to `first + num` of the row, as `build_training` takes them."""
        images = [self.image(place) for place in range(first, first + num)]
        return {name: np.stack([image[name] for image in images]) for name in images[0]}

    def image(self, place: int) -> Batch:
        """Return one image of the row and its targets; shapes as in a batch, without N."""
        photo = self._photo(place)
        rng = np.random.default_rng((self._seed, 1, place))
        # what is enlarged most still has as many pixels as the network sees
        seen = photo.image(2 * self._size), photo.masks(2 * self._size)
        image, masks, labels, is_crowd, has_mask = augment(
            rng,
            (*seen, photo.labels(), photo.is_crowd(), photo.has_mask()),
            self._donors,
            max_pastes=self._training.max_pastes,
            crop_hw=(self._size, self._size) if self._training.crops else None,
        )
        kept = [index for index, mask in enumerate(masks) if mask.any()]
        masks, labels = masks[kept], labels[kept]
        is_crowd, has_mask = is_crowd[kept], has_mask[kept]
        extents = np.array([_extent(mask) for mask in masks], np.int64).reshape(-1, 4)
        boxes = self._in_input(extents, image.shape[:2])
        is_crowd = is_crowd | (_areas(boxes) < self._training.min_side**2)
        targets = rpn_targets(
            self._anchors, boxes[~is_crowd], boxes[is_crowd], rng, self._training.num_anchors
        )
        return {
            "image": mold(image, self._size),
            **self._objects(masks, extents, boxes, np.where(is_crowd, -1, labels + 1), has_mask),
            "rpn_rows": targets.rows,
            "rpn_matches": targets.matches,
            "rpn_targets": targets.deltas,
            "region_draws": rng.random(self._training.num_drawn, np.float32),
        }

    def _in_input(self, boxes: NDArray[np.int64], size_hw: tuple[int, ...]) -> NDArray[np.float64]:
        """Move boxes (K, 4) y1, x1, y2, x2 of a photo to where `mold` brings them."""
        top, left, bottom, right = photo_window((size_hw[0], size_hw[1]), self._size)
        scale = np.array([(bottom - top) / size_hw[0], (right - left) / size_hw[1]])
        moved: NDArray[np.float64] = boxes * np.tile(scale, 2) + np.tile([top, left], 2)
        return moved

    def _objects(
        self,
        masks: NDArray[np.uint8],
        extents: NDArray[np.int64],
        boxes: NDArray[np.float64],
        labels: NDArray[Any],
        has_mask: NDArray[np.bool_],
    ) -> Batch:
        """Return the largest objects in rows of fixed number, their masks cut out and shrunk.

        Where a mask is not known, it stays empty.
        """
        most, size = self._training.max_objects, self._training.mini_mask_size
        rows: Batch = {
            "boxes": np.zeros((most, 4), np.float32),
            "labels": np.zeros(most, np.int32),
            "mini_masks": np.zeros((most, size, size), np.uint8),
        }
        for row, index in enumerate(np.argsort(-_areas(boxes), kind="stable")[:most]):
            top, left, bottom, right = extents[index]
            rows["boxes"][row] = boxes[index]
            rows["labels"][row] = labels[index]
            if not has_mask[index]:
                continue
            part = masks[index, top:bottom, left:right] * np.uint8(255)
            # shrunk masks keep shares of pixels, so that nothing is lost before the last rounding
            shrinks = size < min(part.shape)
            method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            rows["mini_masks"][row] = cv2.resize(part, (size, size), interpolation=method)
        return rows


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    areas: NDArray[np.float64] = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return areas


def _extent(mask: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    left, top, width, height = cv2.boundingRect(mask)
    return top, left, top + height, left + width


class Steps(keras.utils.PyDataset):
    """The batches of some steps in order, made ahead in threads, for `keras.Model.fit`.

    Args:
        images: to train on.
        batch_size: images a step.
        first: number of the first step.
        last: number of the step after the last.
    """

    def __init__(self, images: TrainingImages, batch_size: int, first: int, last: int) -> None:
        super().__init__(workers=NUM_THREADS, max_queue_size=NUM_WAITING)
        self._images = images
        self._batch_size = batch_size
        self._steps = range(first, last)
        #: what is wrong with the data, which Keras would tell in pages of its own
        self.error: DataError | None = None

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: int) -> tuple[Batch]:
        """Return the batch of a step, counted from the first one here."""
        first = self._steps[index] * self._batch_size
        try:
            return (self._images.batch(first, self._batch_size),)
        except DataError as error:
            self.error = self.error or error
            raise
