"""Mask folders of Pascal VOC 2012 and of CVAT ("Segmentation mask 1.1").

    JPEGImages/NAME.jpg              the photos; also in `images/`, or beside these folders
    SegmentationObject/NAME.png      another number or colour for each object
    SegmentationClass/NAME.png       the colour of a class where it is
    ImageSets/Segmentation/train.txt names of photos, likewise val.txt and test.txt; may be absent
    labelmap.txt                     CVAT's names of the colours; those of VOC where it is absent

Everingham et al. 2010, "The Pascal Visual Object Classes (VOC) Challenge",
http://host.robots.ox.ac.uk/pascal/VOC/voc2012.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data.mask_frames import VOC_FOLDERS
from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.dataset import Annotation, Dataset
from segmentation.data.parts.label_names import ONLY_CLASS
from segmentation.data.parts.mask_picture import colours_of, encode_mask, objects, read_mask
from segmentation.data.parts.mask_values import Mask
from segmentation.data.parts.photo_check import Entry, Report, check_photos, find_photos
from segmentation.errors import DataError
from segmentation.picture import PHOTO_ENDINGS

BY_CLASS, BY_OBJECT = VOC_FOLDERS
LABEL_MAP = "labelmap.txt"
BACKGROUND = "background"
NAMES = (
    BACKGROUND,
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
Colour = tuple[int, int, int]


def is_voc(path: Path) -> bool:
    """Tell whether a folder has masks in this layout."""
    return any((path / name).is_dir() for name in VOC_FOLDERS)


def read_voc(path: Path, problems: Problems) -> Dataset:
    """Return the photos of such a folder that have a mask, in order of their names.

    Without `SegmentationObject` each connected area of a class is an object.

    Args:
        path: of the folder.
        problems: gets what is wrong.

    Raises:
        DataError: nothing of it can be used.
    """
    classes = _classes(path)
    names = tuple(name for name in classes.values() if name != BACKGROUND)
    folder = next(path / name for name in (BY_OBJECT, BY_CLASS) if (path / name).is_dir())
    if folder.name == BY_CLASS:
        problems.remarks.append(
            f"there is no {BY_OBJECT}/: every connected area of a class is taken as one object"
        )
    elif not (path / BY_CLASS).is_dir():
        names = (ONLY_CLASS,)
    masks = sorted(mask for mask in folder.rglob("*.png") if not mask.name.startswith("."))
    problems.expect(photos=len(masks), annotations=len(masks))
    splits = _splits(path)
    entries = []
    stems = [mask.relative_to(folder).with_suffix("").as_posix() for mask in masks]
    places = (path / "JPEGImages", path / "images", path)
    wanted = [([f"{stem}{ending}" for ending in PHOTO_ENDINGS], places) for stem in stems]
    for mask, stem, photo in zip(masks, stems, find_photos(wanted, problems), strict=True):
        if photo is None:
            problems.add(mask, "there is no photo of this name in JPEGImages/", photos=1)
            continue
        of_class = path / BY_CLASS / mask.relative_to(folder)
        annotate = partial(_annotate, mask, of_class, classes, names)
        entries.append(Entry(photo, str(mask), annotate, split=splits.get(stem, "")))
    if not masks:
        problems.refuse(folder, "has no masks (.png)")
    return _only_used(Dataset(names, check_photos(entries, problems)), path)


def _classes(path: Path) -> dict[Colour, str]:
    """Return the names of colours, in order."""
    try:
        text = (path / LABEL_MAP).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {_colour(number): name for number, name in enumerate(NAMES)}
    except (OSError, ValueError) as error:
        raise DataError(f"{path / LABEL_MAP}: cannot be read ({error})") from error
    classes = {}
    for line in text.splitlines():
        # label:color_rgb:parts:actions, of which a name may have colons too
        name, *rest = line.strip().rsplit(":", 3)
        if not name or name.startswith("#"):
            continue
        try:
            red, green, blue = (int(value) for value in rest[0].split(","))
        except (IndexError, ValueError):
            raise DataError(
                f"{path / LABEL_MAP}: {line.strip()[:80]!r} is not label:red,green,blue::"
            ) from None
        classes[red, green, blue] = name
    return classes


def _colour(number: int) -> Colour:
    """Return VOC's colour of a number: its bits, lowest first, are the highest of each channel."""
    channels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            channels[channel] |= (number >> (3 * place + channel) & 1) << (7 - place)
    red, green, blue = channels
    return red, green, blue


def _splits(path: Path) -> dict[str, str]:
    splits = {}
    for name in ("train", "val", "test"):
        file = path / "ImageSets" / "Segmentation" / f"{name}.txt"
        if file.is_file():
            for line in file.read_text(errors="replace").splitlines():
                splits[line.strip()] = name
    return splits


def _annotate(
    mask: Path,
    of_class: Path,
    classes: Mapping[Colour, str],
    names: tuple[str, ...],
    size_hw: tuple[int, int],
    report: Report,
) -> list[Annotation]:
    annotations: list[Annotation] = []
    try:
        found = objects(mask, read_mask(mask, size_hw), report, may_fill=True)
        colours = colours_of(read_mask(of_class, size_hw)) if names != (ONLY_CLASS,) else None
    except DataError as error:
        report.left_out("mask", str(error))
        return []
    parts = [part for each in found for part in _areas(each)] if mask == of_class else found
    for inside in parts:
        name = ONLY_CLASS if colours is None else _name(inside, colours, classes)
        rle = encode_mask(inside, size_hw)
        if name is None:
            report.left_out("mask", f"an object has a colour that {LABEL_MAP} does not name")
        elif rle is None:
            report.num_specks += 1
        elif name != BACKGROUND:
            annotations.append(Annotation.from_rle(names.index(name), rle))
    return annotations


def _areas(inside: Mask) -> list[Mask]:
    num, parts = cv2.connectedComponents(inside.view(np.uint8), connectivity=8)
    return [parts == number for number in range(1, num)]


def _name(inside: Mask, colours: NDArray[np.int64], classes: Mapping[Colour, str]) -> str | None:
    """Return the class that most of an object has the colour of, `None` where it is none."""
    if colours.shape[:2] != inside.shape:
        size = (colours.shape[1], colours.shape[0])
        resized = cv2.resize(inside.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        inside = np.asarray(resized).astype(np.bool_)
    found, counts = np.unique(colours[inside], axis=0, return_counts=True)
    for index in np.argsort(-counts, kind="stable").tolist():
        red, green, blue = found[index].tolist()
        # numbers in the place of colours, as SegmentationClassRaw has them
        by_number = list(classes.values())[red : red + 1] if red == green == blue else []
        name = classes.get((red, green, blue)) or next(iter(by_number), None)
        if name is not None and (name != BACKGROUND or len(found) == 1):
            return name
    return None


def _only_used(dataset: Dataset, path: Path) -> Dataset:
    """Return the data without classes that do not occur, where nobody listed them."""
    if (path / LABEL_MAP).is_file() or dataset.classes == (ONLY_CLASS,):
        return dataset
    used = sorted({each.label for photo in dataset.photos for each in photo.annotations})
    return dataset.with_classes(
        tuple(dataset.classes[label] for label in used),
        {label: new for new, label in enumerate(used)},
    )
