"""Photos of people as `mask-rcnn-person` may learn from them: what nobody labelled is ignored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data import Annotation, Dataset, Photo, read_dataset
from segmentation.errors import DataError
from segmentation.person.segmenter import CLASSES
from segmentation.portrait.segmenter import load_portrait
from segmentation.segmenter import Options, Segmenter

#: Sources that have one mask for all people of a photo.
UNION_SOURCES = frozenset({"vikram"})
#: Sources that label the person a photo is of, and not those behind.
BYSTANDER_SOURCES = frozenset({"ccp", "pennfudan"})
#: Share of the photo's long side by which masks may be too tight.
MARGIN = 0.03
#: Share of the photo's pixels from which something unlabelled may be a person.
MIN_SHARE = 0.002


def read_person_dataset(path: Path) -> Dataset:
    """Read photos of people, unlabelled people made regions to be ignored.

    Where a source has one mask for all people of a photo, this mask is ignored. Where it leaves
    bystanders out, what the portrait network takes for a person outside of all masks is ignored,
    each connected part of it by itself.

    Args:
        path: see `segmentation.data.dataset_formats.read_dataset`; images may name their `source`.

    Raises:
        DataError: all that is wrong with the data.
    """
    dataset = read_dataset(path)
    if dataset.classes != CLASSES:
        raise DataError(
            f"{path}: has the classes {', '.join(dataset.classes)}; mask-rcnn-person learns "
            f"{CLASSES[0]} alone, use run.py train mask-rcnn for others"
        )
    portrait = load_portrait(Options())
    return Dataset(dataset.classes, tuple(_honest(photo, portrait) for photo in dataset.photos))


def _honest(photo: Photo, portrait: Segmenter) -> Photo:
    annotations = photo.annotations
    if photo.source in UNION_SOURCES:
        annotations = tuple(replace(annotation, is_crowd=True) for annotation in annotations)
    elif photo.source in BYSTANDER_SOURCES:
        labelled = photo.masks().max(axis=0, initial=0)
        people = portrait.segment(photo.image()[None])[0].union()
        annotations += tuple(
            Annotation.from_mask(0, part, is_crowd=True)
            for part in unlabelled_parts(people >= 128, labelled)
        )
    return replace(photo, annotations=annotations)


def unlabelled_parts(
    people: NDArray[np.bool_], labelled: NDArray[np.uint8]
) -> list[NDArray[np.uint8]]:
    """Return the connected parts (H, W) of `people` that no label explains.

    Args:
        people: (H, W) where a network sees people.
        labelled: (H, W) uint8, not 0 where people are labelled.
    """
    reach = round(MARGIN * max(people.shape))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    near = cv2.dilate((labelled != 0).view(np.uint8), disc) != 0
    num, parts, stats, _ = cv2.connectedComponentsWithStats((people & ~near).view(np.uint8))
    least = MIN_SHARE * people.size
    return [
        (parts == index).view(np.uint8)
        for index in range(1, num)
        if stats[index, cv2.CC_STAT_AREA] >= least
    ]
