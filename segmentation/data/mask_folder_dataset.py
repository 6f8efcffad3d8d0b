"""Folders of photos and of masks, best PNG.

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

from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.dataset import Annotation, Dataset
from segmentation.data.parts.label_names import IGNORED, ONLY_CLASS, LabelNames
from segmentation.data.parts.mask_picture import (
    brighter,
    encode_mask,
    objects,
    reaches_corners,
    read_mask,
)
from segmentation.data.parts.photo_check import Entry, Report, check_photos
from segmentation.errors import DataError
from segmentation.picture import PHOTO_ENDINGS
from segmentation.segmenter import composed

IMAGES, MASKS = "images", "masks"


def is_mask_folder(path: Path) -> bool:
    """Tell whether a folder has the two folders of this format."""
    return (path / IMAGES).is_dir() and (path / MASKS).is_dir()


def read_mask_folder(path: Path, problems: Problems) -> Dataset:
    """Return the photos of a folder as described above, in order of their names.

    Args:
        path: of the folder.
        problems: gets what is wrong.

    Raises:
        DataError: nothing of it can be used.
    """
    photos: dict[str, Path] = {}
    for photo in sorted((path / IMAGES).iterdir()):
        if photo.suffix.lower() not in PHOTO_ENDINGS or photo.name.startswith("."):
            continue
        stem = composed(photo.stem)
        if stem in photos:
            told = f"has the same name as {photos[stem].name}"
            problems.add(photo, told, photos=1)
        photos[stem] = photo
    classes = LabelNames()
    masks = _find_masks(path / MASKS, photos, classes, problems)
    problems.expect(photos=len(photos), annotations=sum(map(len, masks.values())))
    entries = []
    like_grounds: list[bool] = []
    for stem, photo in photos.items():
        if not masks[stem]:
            problems.add(photo, f"has no mask {path / MASKS / stem}.png", photos=1)
        else:
            annotate = partial(_annotate, masks[stem], classes, like_grounds)
            entries.append(Entry(photo, str(photo), annotate))
    if not photos:
        problems.refuse(path / IMAGES, "has no photos")
    found = check_photos(entries, problems)
    if 2 * sum(like_grounds) > len(like_grounds):
        problems.remarks.append(
            f"in {sum(like_grounds)} of {len(like_grounds)} masks something reaches three corners "
            "of the photo; if objects are black on white there, swap black and white"
        )
    return Dataset(classes.names(), found)


def _find_masks(
    folder: Path, photos: dict[str, Path], classes: LabelNames, problems: Problems
) -> dict[str, list[tuple[str, Path]]]:
    """Return class and place (a file, or a folder of files) of the masks of each photo's name."""
    masks: dict[str, list[tuple[str, Path]]] = defaultdict(list)

    def add(name: str, place: Path) -> None:
        stem = composed(place.name if place.is_dir() else place.stem)
        if stem in photos:
            masks[stem].append((classes.note(name), place))
        else:
            problems.add(place, f"there is no photo of this name in {IMAGES}/", annotations=1)

    unclear = []
    for place in _visible(folder):
        if place.is_dir() and _is_class(place, photos):
            for inside in _visible(place):
                add(place.name, inside)
        else:
            add(ONLY_CLASS, place)
            unclear += [place] if (place / f"{place.name}.png").exists() else []
    if unclear:
        problems.remarks.append(
            f"{unclear[0]}{' and others are' if unclear[1:] else ' is'} taken as the masks of the "
            "photo of this name, not as a class; a class is called as no photo is"
        )
    return masks


def _is_class(folder: Path, photos: dict[str, Path]) -> bool:
    """Tell whether a folder is that of a class, not that of a photo's masks."""
    if composed(folder.name) not in photos:
        return True
    names = {inside.name if inside.is_dir() else inside.stem for inside in _visible(folder)}
    names = set(map(composed, names))
    is_of_photo = names <= {composed(folder.name)} or folder.name.isdecimal()
    return not is_of_photo and names <= photos.keys()


def _visible(folder: Path) -> list[Path]:
    """Return folders and masks; of several of one name the PNG, the others show it to people."""
    places = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    masks = [path for path in places if path.suffix.lower() in PHOTO_ENDINGS and path.is_file()]
    png = {path.stem for path in masks if path.suffix.lower() == ".png"}
    masks = [path for path in masks if path.suffix.lower() == ".png" or path.stem not in png]
    return sorted([*masks, *(path for path in places if path.is_dir())])


def _annotate(
    places: list[tuple[str, Path]],
    classes: LabelNames,
    like_grounds: list[bool],
    size_hw: tuple[int, int],
    report: Report,
) -> list[Annotation]:
    """Return the objects of a photo.

    Args:
        places: class and file or folder of its masks.
        classes: all of them.
        like_grounds: of each file, gets whether it shows something where backgrounds are.
        size_hw: of the photo.
        report: gets what cannot be used.
    """
    annotations: list[Annotation] = []
    for name, place in places:
        files = _visible(place) if place.is_dir() else [place]
        may_fill = name.lower() in IGNORED
        for file in files:
            try:
                mask = read_mask(file, size_hw)
                if place.is_dir():
                    found = [brighter(file, mask, may_fill=may_fill)]
                else:
                    found = objects(file, mask, report, may_fill=may_fill)
            except DataError as error:
                report.left_out("mask", str(error))
                continue
            like_grounds.append(not may_fill and any(map(reaches_corners, found)))
            for inside in found:
                rle = encode_mask(inside, size_hw)
                report.num_specks += rle is None
                annotations += [] if rle is None else classes.annotations(name, rle)
    return annotations
