"""Photos of people as `mask-rcnn-person` may learn from them: what nobody labelled is ignored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from segmentation.data import Annotation, Dataset, Photo, read_dataset
from segmentation.errors import DataError
from segmentation.person.segmenter import CLASSES
from segmentation.training.bundled.bystanders import BYSTANDER_SOURCES, bystanders

#: Sources that have one mask for all people of a photo.
UNION_SOURCES = frozenset({"vikram"})


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
    dataset = read_dataset(path, strict=True)
    if dataset.classes != CLASSES:
        raise DataError(
            f"{path}: has the classes {', '.join(dataset.classes)}; mask-rcnn-person learns "
            f"{CLASSES[0]} alone, use run.py train mask-rcnn for others"
        )
    return Dataset(dataset.classes, tuple(_honest(photo) for photo in dataset.photos))


def _honest(photo: Photo) -> Photo:
    annotations = photo.annotations
    if photo.source in UNION_SOURCES:
        annotations = tuple(replace(annotation, is_crowd=True) for annotation in annotations)
    elif photo.source in BYSTANDER_SOURCES:
        labelled = photo.masks().max(axis=0, initial=0)
        annotations += tuple(
            Annotation.from_mask(0, part, is_crowd=True)
            for part in bystanders(photo.image(), labelled)
        )
    return replace(photo, annotations=annotations)
