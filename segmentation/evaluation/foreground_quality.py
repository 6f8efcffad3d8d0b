"""How well the union of all that a network finds agrees with the true foreground."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.data import Dataset, Photo
from segmentation.data.mask_frames import FrameSequence, read_frame
from segmentation.evaluation.mask_agreement import boundary_f, intersection_over_union
from segmentation.segmenter import Segmenter


@dataclass(frozen=True, slots=True)
class Example:
    """A picture and what is foreground in it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        truth: (H, W) bool.
        counts: (H, W) bool, where a mistake is a mistake; `None` for everywhere.
    """

    image: NDArray[np.uint8]
    truth: NDArray[np.bool_]
    counts: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class ForegroundQuality:
    """Means over some pictures, 0 to 1.

    Attributes:
        iou: overlap with the truth, the J of DAVIS.
        boundary_f: how well the outlines agree, its F.
        num_images: of them.
    """

    iou: float
    boundary_f: float
    num_images: int


def photo_examples(
    dataset: Dataset,
    labels: Collection[int] | None = None,
    read: Callable[[Photo], NDArray[np.uint8]] = Photo.image,
) -> Iterator[Example]:
    """Yield the photos of a dataset.

    Args:
        dataset: what is true.
        labels: objects of others are background.
        read: returns a photo as the network is to see it, (H, W, 3) uint8 RGB.
    """
    for photo in dataset.photos:
        wanted = np.array([labels is None or label in labels for label in photo.labels()], np.bool_)
        masks, is_crowd = photo.masks() > 0, photo.is_crowd()
        truth = np.asarray(masks[wanted & ~is_crowd].any(axis=0))
        ignored = np.asarray(masks[wanted & is_crowd].any(axis=0))
        yield Example(read(photo), truth, truth | ~ignored)


def frame_examples(sequence: FrameSequence) -> Iterator[Example]:
    """Yield the frames of a sequence; foreground is all that is not black in the mask."""
    for frame, mask in sequence.frames:
        image, colours = read_frame(frame, mask)
        yield Example(image, np.asarray(colours.any(axis=2)))


def evaluate_foreground(
    segmenter: Segmenter, examples: Iterable[Example], labels: Collection[int] | None = None
) -> ForegroundQuality:
    """Measure a network on pictures, each by itself.

    Args:
        segmenter: reports the objects that count as foreground; its `min_score` decides.
        examples: at least one.
        labels: of the network's classes that are foreground, `None` for all.
    """
    ious, edges = [], []
    for example in examples:
        found = segmenter.segment(example.image[None])[0]
        if labels is not None:
            found = found[np.isin(found.labels, list(labels))]
        mask = found.union() >= 128
        if example.counts is not None:
            mask &= example.counts
        ious.append(intersection_over_union(mask, example.truth))
        edges.append(boundary_f(mask, example.truth))
    return ForegroundQuality(float(np.mean(ious)), float(np.mean(edges)), len(ious))


def mean(qualities: Collection[ForegroundQuality]) -> ForegroundQuality:
    """Return the mean of the figures of some sequences, each as heavy as the others."""
    return ForegroundQuality(
        float(np.mean([each.iou for each in qualities])),
        float(np.mean([each.boundary_f for each in qualities])),
        sum(each.num_images for each in qualities),
    )
