"""Folders of photos and of PNG masks.

    images/NAME.jpg                   the photos
    masks/NAME.png                    one mask: each number, or each colour, but 0 is an object
    masks/NAME/ANY.png                or a folder of masks: each is one object, white on black
    masks/CLASS/NAME.png              the same inside a folder for each class
    masks/CLASS/NAME/ANY.png

Without folders of classes everything is of the class "object". A folder `masks/ignore` marks
regions to be ignored. An all black mask says that a photo shows nothing. Masks may be smaller or
larger than their photo if they have its shape.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.dataset import RLE, Annotation, Dataset, decoded
from segmentation.data.parts.label_names import ONLY_CLASS, LabelNames
from segmentation.data.parts.photo_check import Entry, Report, check_photos
from segmentation.errors import DataError
from segmentation.picture import PHOTO_ENDINGS

IMAGES, MASKS = "images", "masks"
#: More in one mask are the grey edges of a mask that was smoothed, not objects
MAX_OBJECTS = 200


def is_mask_folder(path: Path) -> bool:
    """Tell whether a folder has the two folders of this format."""
    return (path / IMAGES).is_dir() and (path / MASKS).is_dir()


def read_mask_folder(path: Path) -> Dataset:
    """Return the photos of a folder as described above, in order of their names.

    Raises:
        DataError: all that is wrong.
    """
    problems = Problems(path)
    photos: dict[str, Path] = {}
    for photo in sorted((path / IMAGES).iterdir()):
        if photo.suffix.lower() not in PHOTO_ENDINGS or photo.name.startswith("."):
            continue
        if photo.stem in photos:
            problems.add(photo, f"has the same name as {photos[photo.stem].name}")
        photos[photo.stem] = photo
    classes = LabelNames()
    masks = _find_masks(path / MASKS, photos, classes, problems)
    entries = []
    for stem, photo in photos.items():
        if not masks[stem]:
            problems.add(photo, f"has no mask {path / MASKS / stem}.png")
        else:
            entries.append(Entry(photo, str(photo), partial(_annotate, masks[stem], classes)))
    if not photos:
        problems.add(path / IMAGES, "has no photos")
    checked = check_photos(entries, problems)
    problems.raise_any()
    return Dataset(classes.names(), checked)


def _find_masks(
    folder: Path, photos: dict[str, Path], classes: LabelNames, problems: Problems
) -> dict[str, list[tuple[str, Path]]]:
    """Return class and place (a file, or a folder of files) of the masks of each photo's name."""
    masks: dict[str, list[tuple[str, Path]]] = defaultdict(list)

    def add(name: str, place: Path) -> None:
        stem = place.name if place.is_dir() else place.stem
        if stem in photos:
            masks[stem].append((classes.note(name), place))
        else:
            problems.add(place, f"there is no photo of this name in {IMAGES}/")

    for place in _visible(folder):
        if place.is_dir() and place.name not in photos:
            for inside in _visible(place):
                add(place.name, inside)
        else:
            add(ONLY_CLASS, place)
    return masks


def _visible(folder: Path) -> list[Path]:
    places = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    return [path for path in places if path.is_dir() or path.suffix.lower() == ".png"]


def _annotate(
    places: list[tuple[str, Path]], classes: LabelNames, size_hw: tuple[int, int], report: Report
) -> list[Annotation]:
    annotations: list[Annotation] = []
    for name, place in places:
        files = _visible(place) if place.is_dir() else [place]
        for file in files:
            try:
                mask = read_mask(file, size_hw)
                objects = [_brighter(file, mask)] if place.is_dir() else _objects(file, mask)
            except DataError as error:
                report("mask", str(error))
                continue
            for inside in objects:
                annotations += classes.annotations(name, _encode(inside))
    return annotations


def read_mask(path: Path, size_hw: tuple[int, int]) -> NDArray[np.int64]:
    """Return a mask at the size of its photo: (H, W), another number for each grey or colour.

    Raises:
        DataError: it cannot be read, or has another shape than the photo.
    """
    mask = decoded(path, cv2.IMREAD_UNCHANGED)
    height, width = size_hw
    scale = min(height / mask.shape[0], width / mask.shape[1])
    if max(abs(mask.shape[0] * scale - height), abs(mask.shape[1] * scale - width)) > max(1, scale):
        raise DataError(f"{path}: {mask.shape[1]}x{mask.shape[0]}, its photo is {width}x{height}")
    if mask.shape[:2] != size_hw:
        mask = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST))
    numbers = mask.astype(np.int64)
    if numbers.ndim == 3:
        numbers = np.asarray(numbers[..., :3] @ np.array([1 << 32, 1 << 16, 1]))
    return numbers


def _brighter(path: Path, mask: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return what is brighter than half of the brightest; smoothed edges are cut there."""
    if not mask.any():
        raise DataError(f"{path}: is all black; as one object's mask it shows nothing")
    return np.asarray(mask > mask.max() / 2)


def _objects(path: Path, mask: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    numbers = [number for number in np.unique(mask).tolist() if number]
    if len(numbers) > MAX_OBJECTS:
        raise DataError(
            f"{path}: has {len(numbers)} different values where each should be an object; "
            "save masks without smoothing"
        )
    return [mask == number for number in numbers]


def _encode(inside: NDArray[np.bool_]) -> RLE:
    from pycocotools.mask import encode

    rle: RLE = encode(np.asfortranarray(inside).view(np.uint8))
    return rle
