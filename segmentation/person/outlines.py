"""People found one by one, their outlines from the portrait network that sees all of them at once.

A mask of 56 x 56 is coarse for somebody who fills the picture; the portrait network draws outlines
at half the size of its input, but cannot tell people apart. Both are evidence for each pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.person.duplicate_people import without_duplicates
from segmentation.segmenter import Segmenter

#: Share of a mask that the portrait network must see to be asked: it misses small people.
MIN_SEEN = 0.5
#: Share of the picture from which somebody whom it does not see is nobody.
MAX_UNSEEN_SHARE = 0.1
#: The most that the portrait network counts, as log-odds: in front of one person may be another.
MAX_EVIDENCE = 3.0

_BYTES = np.arange(256)
#: log-odds of masks' bytes; that of no byte is infinite
_LOG_ODDS = np.log((_BYTES + 0.5) / (255.5 - _BYTES)).astype(np.float32)
_EVIDENCE = np.clip(_LOG_ODDS, -MAX_EVIDENCE, MAX_EVIDENCE)


@dataclass(eq=False)
class SharpPeople:
    """A `Segmenter` of people whose masks are those of one network at the outlines of another.

    Somebody found twice is left out by the masks as they then are.

    Args:
        instances: finds people one by one.
        union: finds all people as one.
        min_score: people less certain are not reported.
    """

    instances: Segmenter
    union: Segmenter
    min_score: float

    def __post_init__(self) -> None:
        """Be what `instances` is to everybody else."""
        self.name = self.instances.name
        self.classes = self.instances.classes
        self.max_input = self.instances.max_input
        self.max_images = self.instances.max_images
        self.fast = self.instances.fast
        self.separates_objects = self.instances.separates_objects
        self.device = self.instances.device

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find the people of N images; see `Segmenter.segment`."""
        results = self.instances.segment(images)
        return [
            self._sharpened(found, image) if len(found) else found
            for found, image in zip(results, images, strict=True)
        ]

    def score_masks(self, image: NDArray[np.uint8]) -> tuple[Instances, NDArray[np.float32]]:
        """Return the people of (H, W, 3) uint8 RGB, and scores of their masks.

        Huang et al. 2019, "Mask Scoring R-CNN", section 3.1: somebody's score times how good the
        mask is; here, for want of a head that tells, how certain its pixels are.
        """
        (found,) = self.segment(image[None])
        if not len(found):
            return found, found.scores
        (people,) = self.union.segment(image[None])
        return found, found.scores * mask_certainty(found.masks, people.union())

    def _sharpened(self, found: Instances, image: NDArray[np.uint8]) -> Instances:
        (people,) = self.union.segment(image[None])
        return without_duplicates(with_outlines(found, people.union()), self.min_score)


def with_outlines(found: Instances, people: NDArray[np.uint8]) -> Instances:
    """Return instances whose masks within their boxes agree with where people are at all.

    The odds of both are multiplied, as if they were independent, but for pixels that another
    instance claims and this one does not: it is the other whom `people` shows there. People whom
    `people` hardly shows stay as they are if they are small, and are left out if they are large.

    Args:
        found: in an image of H x W.
        people: (H, W) probability x 255 that anybody is there.
    """
    masks = found.masks.copy()
    strongest = found.masks.max(axis=0)
    stays = np.ones(len(found), np.bool_)
    for index, (mask, box) in enumerate(zip(masks, found.boxes.astype(int), strict=True)):
        x1, y1, x2, y2 = box
        part, anybody = mask[y1:y2, x1:x2], people[y1:y2, x1:x2]
        inside = part >= 128
        num_pixels = np.count_nonzero(inside)
        if np.count_nonzero(anybody[inside] >= 128) < MIN_SEEN * num_pixels:
            stays[index] = num_pixels <= MAX_UNSEEN_SHARE * mask.size
            continue
        is_others = (part < 128) & (strongest[y1:y2, x1:x2] >= 128)
        evidence = np.where(is_others, np.minimum(_EVIDENCE[anybody], 0), _EVIDENCE[anybody])
        log_odds = _LOG_ODDS[part] + evidence
        part[:] = np.floor(255 / (1 + np.exp(-log_odds)) + 0.5).astype(np.uint8)
    return replace(found, masks=masks)[stays]


def mask_certainty(masks: NDArray[np.uint8], people: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (K,), 0 to 1: how certain the pixels inside each mask are.

    The mean probability that the mask has there and that of `people`, and the mean of these two,
    such that either can refuse.

    Args:
        masks: (K, H, W) probability x 255.
        people: (H, W) probability x 255 that anybody is there.
    """
    certainty = np.zeros(len(masks), np.float32)
    for index, mask in enumerate(masks):
        inside = mask >= 128
        if inside.any():
            certainty[index] = np.sqrt(mask[inside].mean() * people[inside].mean()) / 255
    return certainty
