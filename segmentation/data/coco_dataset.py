"""COCO's format of annotations (https://cocodataset.org/#format-data)."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.dataset import RLE, Annotation, Dataset
from segmentation.data.parts.many_outlines import Drawn, draw_ordinary
from segmentation.data.parts.photo_check import (
    Entry,
    Report,
    check_photos,
    find_photos,
    photo_folders,
    stated_size,
)
from segmentation.data.parts.shapes import (
    Points,
    check_place,
    encode_outlines,
    encode_runs,
    pairs,
    polygon,
)
from segmentation.data.parts.stated_box import (
    GOOD_BOX_OVERLAP,
    MIN_BOX_OVERLAP,
    is_near,
    is_plausible_area,
    overlap_with_mask,
)

KEYS = ("images", "annotations", "categories")
#: So many of the annotations may be crowds before it is said how they were taken
MAX_CROWDS = 0.1

#: What `iscrowd` makes of an annotation: one object, or a region to be ignored
Crowds = Literal["objects", "ignore"]
Record = dict[str, Any]


def is_coco(document: object) -> bool:
    """Tell whether a JSON document is in COCO's format, or nearly so."""
    return isinstance(document, dict) and "images" in document and "annotations" in document


def read_coco(
    path: Path,
    document: dict[str, Any],
    problems: Problems,
    crowds: Crowds | None = None,
    split: str = "",
) -> Dataset:
    """Return the photos of a file in COCO's format.

    Polygons, compressed and uncompressed RLE; `iscrowd` and `ignore` both mean a region to be
    ignored. Photos lie beside the file or in `images/`. Classes are the categories by id, without
    those that are but a heading of others (`supercategory`). Whole numbers written as floats or
    text are ids too.

    Args:
        path: of the file.
        document: its content.
        problems: gets what is wrong.
        crowds: what `iscrowd` means; `None` as the program that wrote the file means it.
        split: see `Photo`.

    Raises:
        DataError: nothing of it can be used.
    """
    for key in KEYS:
        rows = document.get(key)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            problems.refuse(path, f"{key!r} is not a list of objects, which COCO's format wants")
    problems.raise_fatal()
    images, annotations = document["images"], document["annotations"]
    problems.expect(photos=len(images), annotations=len(annotations))
    categories = _without_headings(document["categories"], annotations)
    names = _check_categories(path, categories, problems)
    problems.raise_fatal()
    _check_ids(path, annotations, problems)
    if crowds is None:
        crowds = _meaning_of_crowds(annotations, problems)
    labels = {_key(row.get("id")): label for label, row in enumerate(categories)}
    entries = []
    for row, photo, rows in _found(path, images, annotations, problems):
        annotate = partial(_annotate, rows, labels, crowds == "objects")
        where, source = f"{path}, {row['file_name']}", str(row.get("source", ""))
        try:
            stated = stated_size(row.get("height"), row.get("width"))
        except ValueError as error:
            problems.add(where, str(error), photos=1)
            continue
        image_id = _number(row.get("id"))
        entries.append(Entry(photo, where, annotate, len(rows), stated, source, split, image_id))
    numbers = [_number(row.get("id")) for row in categories]
    category_ids = tuple(number for number in numbers if number is not None)
    return Dataset(
        tuple(names),
        check_photos(entries, problems),
        category_ids=category_ids if len(category_ids) == len(names) else None,
    )


def _key(value: Any) -> Any:
    """Return an id that can be looked up; pandas makes floats of whole numbers, others text."""
    if isinstance(value, str):
        text = value.strip().removesuffix(".0")
        # so that "007" stays what it is
        return int(text) if text.isdecimal() and str(int(text[:18])) == text else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | float) and not _is_nan(value) else None


def _number(value: Any) -> int | None:
    """Return an id that is a whole number."""
    key = _key(value)
    return key if isinstance(key, int) and not isinstance(key, bool) else None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _flag(value: Any) -> bool:
    """Return whether a value means yes: what some programs write as text, or leave out."""
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "0.0", "false", "no", "none")
    return bool(value) and not _is_nan(value)


# === Categories ===


def _without_headings(categories: list[Record], annotations: list[Record]) -> list[Record]:
    used = {_key(row.get("category_id")) for row in annotations}
    # a name -> the names of what has it as supercategory, itself not counted where it stands alone
    below: dict[Any, list[tuple[int, Any]]] = defaultdict(list)
    for position, row in enumerate(categories):
        below[_name_of(row, "supercategory")].append((position, _name_of(row, "name")))

    def is_heading(position: int, row: Record) -> bool:
        name = _name_of(row, "name")
        others = [other for at, other in below.get(name, ()) if at != position]
        if not name or _key(row.get("id")) in used:
            return False
        return name in others or (bool(others) and _name_of(row, "supercategory") != name)

    kept = [row for position, row in enumerate(categories) if not is_heading(position, row)]
    return sorted(kept, key=lambda row: str(_key(row.get("id"))).zfill(12))


def _name_of(row: Record, key: str) -> str:
    name = row.get(key, "")
    return "" if name is None else str(name)


def _check_categories(path: Path, categories: list[Record], problems: Problems) -> list[str]:
    names = [_name_of(row, "name") for row in categories]
    for number, num in Counter(_key(row.get("id")) for row in categories).items():
        if number is None:
            problems.refuse(path, "an entry of 'categories' has no id")
        elif num > 1:
            problems.refuse(path, f"{num} entries of 'categories' have the id {number!r}")
    for name, num in Counter(names).items():
        if num > 1 or not name:
            problems.refuse(path, f"{num} categories are called {name!r}")
    return names


# === Images and annotations ===


def _check_ids(path: Path, annotations: list[Record], problems: Problems) -> None:
    counted = Counter(_key(row.get("id")) for row in annotations)
    # pycocotools itself needs no ids of annotations, nor do some programs that write them
    counted.pop(None, 0)
    for number, num in counted.items():
        if num > 1:
            problems.add(path, f"{num} entries of 'annotations' have the id {number!r}")


def _meaning_of_crowds(annotations: list[Record], problems: Problems) -> Crowds:
    num = sum(_flag(row.get("iscrowd")) for row in annotations)
    if num and all(
        isinstance(row.get("attributes"), dict) and "occluded" in row["attributes"]
        for row in annotations
    ):
        # CVAT marks everything drawn with the brush so, because it is written as RLE
        problems.remarks.append(
            f"{num} annotations have iscrowd as CVAT writes it for masks, and are objects; "
            "--crowds ignore takes them as regions to be ignored"
        )
        return "objects"
    if num > MAX_CROWDS * len(annotations):
        problems.remarks.append(
            f"{num} of {len(annotations)} annotations are crowds (iscrowd), taken as regions to "
            "be ignored; --crowds objects takes them as objects"
        )
    return "ignore"


def _found(
    path: Path, images: list[Record], annotations: list[Record], problems: Problems
) -> list[tuple[Record, Path, list[tuple[str, Record]]]]:
    """Return each image with its photo and its annotations, which have names."""
    by_image: dict[Any, list[tuple[str, Record]]] = defaultdict(list)
    for position, row in enumerate(annotations):
        by_image[_key(row.get("image_id"))].append((_name(row, position), row))
    folders = photo_folders(path)
    names = [row.get("file_name") for row in images]
    wanted = [([name] if isinstance(name, str) else [], folders) for name in names]
    seen: set[Any] = set()
    found = []
    for row, name, photo in zip(images, names, find_photos(wanted, problems), strict=True):
        number = _key(row.get("id"))
        if number is None:
            problems.add(path, "an entry of 'images' has no id", photos=1)
        elif number in seen:
            problems.add(path, f"another entry of 'images' has the id {number!r}", photos=1)
        elif photo is None:
            problems.add(path, f"there is no photo {name!r} beside it", f"image {number}", photos=1)
        elif photo in seen:
            num = len(by_image[number])
            told = f"another entry of 'images' is the photo {name!r} as well"
            problems.add(path, told, f"image {number}", photos=1, annotations=num)
        else:
            found.append((row, photo, by_image[number]))
            seen.add(photo)
        if number is not None:
            seen.add(number)
    for number, rows in by_image.items():
        for where, row in rows if number not in seen else ():
            told = f"there is no image with the id {row.get('image_id')!r}"
            problems.add(path, told, where, annotations=1)
    return found


def _name(row: Record, position: int) -> str:
    number = _key(row.get("id"))
    return f"annotation number {position + 1}" if number is None else f"annotation {number}"


def _annotate(
    rows: list[tuple[str, Record]],
    labels: dict[Any, int],
    crowds_are_objects: bool,
    size_hw: tuple[int, int],
    report: Report,
) -> list[Annotation]:
    annotations = []
    ordinary = draw_ordinary([row.get("segmentation") for _, row in rows], size_hw)
    for (where, row), drawn in zip(rows, ordinary, strict=True):
        label = labels.get(_key(row.get("category_id")))
        if label is None:
            told = f"there is no category with the id {row.get('category_id')!r}"
            report.left_out(where, told)
            continue
        is_crowd = _flag(row.get("ignore"))
        is_crowd |= _flag(row.get("iscrowd")) and not crowds_are_objects
        try:
            if isinstance(drawn, Drawn):
                annotation = Annotation(label, drawn.box, is_crowd, drawn.rle, drawn.area)
            elif drawn is None and (rle := _encode(row, size_hw, where, report)) is not None:
                annotation = Annotation.from_rle(label, rle, is_crowd)
            else:
                report.num_specks += 1
                continue
            annotations.append(_as_stated(row, annotation, where, report))
        except ValueError as error:
            report.left_out(where, str(error))
    return annotations


def _encode(row: Record, size_hw: tuple[int, int], where: str, report: Report) -> RLE | None:
    segmentation = row.get("segmentation")
    if isinstance(segmentation, dict):
        return encode_runs(segmentation, size_hw)
    if segmentation in (None, []):
        raise ValueError("has no segmentation")
    if not isinstance(segmentation, list):
        raise ValueError("the segmentation is neither polygons nor RLE")
    return encode_outlines(_outlines(segmentation, size_hw, where, report), size_hw)


def _outlines(
    segmentation: list[Any], size_hw: tuple[int, int], where: str, report: Report
) -> list[Points]:
    """Return the good polygons of a segmentation, which may also be but one, unnested."""
    first = segmentation[0]
    is_one = isinstance(first, int | float | str)
    if isinstance(first, list) and len(segmentation) > 2:
        is_one = all(isinstance(pair, list) and len(pair) == 2 for pair in segmentation)
    outlines, errors = [], []
    for values in [segmentation] if is_one else segmentation:
        try:
            points = polygon(values)
            check_place(points, size_hw)
            outlines.append(points)
        except ValueError as error:
            errors.append(error)
    if not outlines:
        raise errors[0]
    if errors:
        num = len(errors) + len(outlines)
        report.mended(where, f"{len(errors)} of {num} outlines are left out: {errors[0]}")
    return outlines


def _as_stated(row: Record, annotation: Annotation, where: str, report: Report) -> Annotation:
    """Return an annotation with COCO's own box and area where the row has good ones."""
    box, stated = annotation.box, row.get("bbox")
    area = _checked_area(row.get("area"), annotation, where, report)
    if stated is not None and not _is_nan(stated) and _has_any(stated):
        try:
            x, y, width, height = (float(value) for value in stated)
        except (TypeError, ValueError, OverflowError):
            told = f"the bbox {str(stated)[:80]} is not x, y, width, height"
            report.mended(where, f"{told}; that of the mask counts")
        else:
            corners = (x, y, x + width, y + height)
            if is_near(corners, box.tolist()):
                box = np.array(corners, np.float32)
            elif max(width, height) > 4:
                box = _checked_box(row, corners, annotation, where, report)
    return Annotation(annotation.label, box, annotation.is_crowd, annotation.rle, area)


def _checked_area(stated: Any, annotation: Annotation, where: str, report: Report) -> float:
    """Return the area of a row where it can be that of mask, outline or box, else the mask's."""
    if not (isinstance(stated, int | float) and stated > 0):
        return annotation.area
    if is_plausible_area(stated, annotation):
        return float(stated)
    told = f"the area {stated:g} is not that of the mask ({annotation.area:g})"
    report.mended(where, f"{told}, which counts")
    return annotation.area


def _has_any(stated: Any) -> bool:
    return any(stated) if isinstance(stated, list) else bool(np.any(stated))


def _is_of_outlines(segmentation: Any, corners: Sequence[float]) -> bool:
    """Tell whether a box is that of the outlines, of which a mask may lack what is very thin."""
    try:
        points = np.concatenate([pairs(values) for values in segmentation])
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    except (TypeError, ValueError):
        return False
    return is_near(corners, box.tolist())


def _checked_box(
    row: Record, corners: Sequence[float], annotation: Annotation, where: str, report: Report
) -> NDArray[np.float32]:
    """Return the box of a row where it agrees with outline or mask, else that of the mask."""
    if _is_of_outlines(row.get("segmentation"), corners):
        return np.array(corners, np.float32)
    overlap = overlap_with_mask(corners, annotation.rle)
    told = f"the bbox {row['bbox']} (x, y, width, height) is not that of the mask"
    if not overlap >= MIN_BOX_OVERLAP:
        raise ValueError(told)
    if overlap >= GOOD_BOX_OVERLAP:
        return np.array(corners, np.float32)
    report.mended(where, f"{told}, which counts")
    return annotation.box
