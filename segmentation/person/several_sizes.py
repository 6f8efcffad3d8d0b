"""People found in an image that a network is shown at several sizes, each of them once."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.segmenter import Segmenter

#: Of the boxes of two people, as in `segmentation.mask_rcnn.small`
MAX_IOU = 0.5
#: Of an image's area: who has more of it is found at the smallest size alone
MAX_SHARE = 0.25


class SeveralSizes:
    """A `Segmenter` that finds what others find, each of whom sees an image at a size of their own.

    Small people are found at large sizes and those who fill the picture at small ones alone (Singh
    and Davis 2018, "An Analysis of Scale Invariance in Object Detection", section 5). Of people
    whose boxes overlap the most certain ones are taken, as a Mask R-CNN does with its detections.

    Args:
        segmenters: the one with the smallest input first, with the largest last.
    """

    def __init__(self, segmenters: Sequence[Segmenter]) -> None:
        """Be what the last one is to everybody else."""
        self._segmenters = segmenters
        last = segmenters[-1]
        self.name, self.classes, self.device = last.name, last.classes, last.device
        self.max_input, self.max_images, self.fast = last.max_input, last.max_images, last.fast
        self.separates_objects = last.separates_objects

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find the people of N images; see `Segmenter.segment`."""
        smallest, *others = (segmenter.segment(images) for segmenter in self._segmenters)
        small = [[_small(each) for each in found] for found in others]
        return [merged(at_sizes) for at_sizes in zip(smallest, *small, strict=True)]


def _small(found: Instances) -> Instances:
    """Return the instances with at most `MAX_SHARE` of their image."""
    height, width = found.masks.shape[1:]
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    return found[np.flatnonzero(sides.prod(axis=1) <= MAX_SHARE * height * width)]


def merged(found: Sequence[Instances]) -> Instances:
    """Return the people of several results for one image, without those found twice, best first."""
    boxes, scores, labels, masks, ids = (
        np.concatenate([getattr(each, name) for each in found])
        for name in ("boxes", "scores", "labels", "masks", "ids")
    )
    if not len(boxes):
        return found[0]
    corners_and_sides = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).astype(np.float64)
    kept = cv2.dnn.NMSBoxes(corners_and_sides.tolist(), scores.tolist(), 0.0, MAX_IOU)
    return Instances(boxes, scores, labels, masks, ids)[np.asarray(kept, np.int64)]
