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
        of_frames: the same for the frames of a video; this one itself without it.
    """

    instances: Segmenter
    union: Segmenter
    min_score: float
    of_frames: SharpPeople | None = None

    def __post_init__(self) -> None:
        """Be what `instances` is to everybody else."""
        self.name = self.instances.name
        self.classes = self.instances.classes
        self.max_input = self.instances.max_input
        self.max_images = self.instances.max_images
        self.fast = self.instances.fast
        self.separates_objects = self.instances.separates_objects
        self.device = self.instances.device

    def for_frames(self) -> SharpPeople:
        """Return what looks at frames; see `DetailedSegmenter.for_frames`."""
        return self.of_frames or self

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        """Find the people of N images; see `Segmenter.segment`."""
        results = self.instances.segment(images)
        return [
            self._sharpened(found, image) if len(found) else found
            for found, image in zip(results, images, strict=True)
        ]

    def _sharpened(self, found: Instances, image: NDArray[np.uint8]) -> Instances:
        (portrait,) = self.union.segment(image[None])
        people = portrait.union()
        certain = with_certainty(with_outlines(found, people), people)
        return without_duplicates(certain, self.min_score)


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


def with_certainty(found: Instances, people: NDArray[np.uint8]) -> Instances:
    """Return instances with scores that count how certain their masks are, best first.

    Huang et al. 2019, "Mask Scoring R-CNN", section 3.1: the score of a box is multiplied by how
    good the mask is; here, for want of a head that tells, by how certain both networks are of its
    pixels. What somebody is taken for whom `people` does not show is seldom a person.

    Args:
        found: in an image of H x W.
        people: (H, W) probability x 255 that anybody is there.
    """
    scores = found.scores * np.sqrt(_certainty(found, people))
    order = np.argsort(-scores, kind="stable")
    return replace(found, scores=scores.astype(np.float32))[order]


def _certainty(found: Instances, people: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return (K,), 0 to 1: the geometric mean of two probabilities of the pixels of each mask."""
    certainty = np.zeros(len(found))
    for index, (mask, box) in enumerate(zip(found.masks, found.boxes.astype(int), strict=True)):
        x1, y1, x2, y2 = box
        part = mask[y1:y2, x1:x2]
        inside = part >= 128
        if inside.any():
            anybody = people[y1:y2, x1:x2][inside]
            certainty[index] = np.sqrt(part[inside].mean() * anybody.mean()) / 255
    return certainty
