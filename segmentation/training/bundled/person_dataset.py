"""Photos of people as `mask-rcnn-person` may learn from them: what nobody labelled is ignored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from segmentation.data import Annotation, Dataset, Photo, read_dataset
from segmentation.data.coco_dataset import is_coco, read_coco
from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.json_file import read_json
from segmentation.data.parts.photo_check import Entry, check_photos
from segmentation.errors import DataError
from segmentation.person.segmenter import CLASSES
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
    _check_classes(path, dataset)
    photos = tuple(_honest(photo) for photo in dataset.photos)
    return Dataset(dataset.classes, photos + _boxed(path / "boxes" / "boxes.json") + _places(path))


def _check_classes(path: Path, dataset: Dataset) -> None:
    if dataset.classes != CLASSES:
        raise DataError(
            f"{path}: has the classes {', '.join(dataset.classes)}; mask-rcnn-person learns "
            f"{CLASSES[0]} alone, use run.py train mask-rcnn for others"
        )


def _boxed(path: Path) -> tuple[Photo, ...]:
    """Return photos of people of whom only the boxes are known."""
    if not path.exists():
        return ()
    problems = Problems(path)
    document = read_json(path)
    if not is_coco(document):
        raise DataError(f"{path}: is not in COCO's format, with images, annotations, categories")
    try:
        for row in document["annotations"]:
            row["segmentation"] = [_outline(*row["bbox"])]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: each annotation needs a bbox of x, y, width, height") from error
    dataset = read_coco(path, document, problems)
    problems.check(strict=True)
    _check_classes(path, dataset)
    return tuple(
        replace(
            photo, annotations=tuple(replace(each, has_mask=False) for each in photo.annotations)
        )
        for photo in dataset.photos
    )


def _outline(x: float, y: float, width: float, height: float) -> list[Any]:
    return [x, y, x + width, y, x + width, y + height, x, y + height]


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
