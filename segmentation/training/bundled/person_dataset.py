"""Photos of people as `mask-rcnn-person` may learn from them: what nobody labelled is ignored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from segmentation.data import Annotation, Dataset, Photo, read_dataset
from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.photo_check import Entry, check_photos
from segmentation.training.bundled.boxed_people import check_people_alone, read_boxed
from segmentation.training.bundled.bystanders import BYSTANDER_SOURCES, bystanders
from segmentation.training.photo_sources import files_in

#: Sources that have one mask for all people of a photo.
UNION_SOURCES = frozenset({"vikram", "voc_sbd_person"})
#: What photos of places without people are called as a source.
PLACES = "places"


def read_person_dataset(path: Path) -> Dataset:
    """Read photos of people, unlabelled people made regions to be ignored.

    Where a source has one mask for all people of a photo, this mask is ignored. Where it leaves
    bystanders out, what the portrait network takes for a person outside of all masks is ignored,
    each connected part of it by itself. Beside these photos there may be `boxes/boxes.json`, in
    COCO's layout without masks, and `backgrounds/`, photos without people.

    Args:
        path: see `segmentation.data.dataset_formats.read_dataset`; images may name their `source`.

    Raises:
        DataError: all that is wrong with the data.
    """
    dataset = read_dataset(path, strict=True)
    check_people_alone(path, dataset)
    photos = tuple(_honest(photo) for photo in dataset.photos)
    return Dataset(dataset.classes, photos + read_boxed(path) + _places(path))


def _places(folder: Path) -> tuple[Photo, ...]:
    problems = Problems(folder / "backgrounds")
    photos = check_photos(
        [
            Entry(path, str(path), lambda size_hw, report: [], source=PLACES)
            for path in files_in(folder / "backgrounds")
        ],
        problems,
    )
    problems.check(strict=True)
    return photos


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
