"""Folders of LabelMe: a JSON for each photo (https://github.com/wkentaro/labelme)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.dataset import RLE, Annotation, Dataset, picture_size
from segmentation.data.parts.label_names import LabelNames
from segmentation.data.parts.photo_check import (
    Entry,
    Report,
    check_photos,
    find_photos,
    photo_folders,
    stated_size,
)
from segmentation.data.parts.shapes import (
    MAX_OUTSIDE,
    ellipse,
    encode_outlines,
    group_in_order,
    merged,
    pairs,
    polygon,
    rectangle,
    without,
)

#: Of the shapes those that mark places, not objects
WITHOUT_AREA = ("point", "points", "line", "linestrip")
#: LabelMe's own have two opposite corners; X-AnyLabeling's, and all that are turned, have four
RECTANGLES = ("rectangle", "oriented_rectangle", "rotation")
#: The label of what is cut out of others
HOLE = "_background_"
#: A stored mask is of a part of the photo; twice its size would be no part
MAX_MASK_SIDES = 2

Record = dict[str, Any]


def is_labelme(document: object) -> bool:
    """Tell whether a JSON document was written by LabelMe."""
    return isinstance(document, dict) and {"shapes", "imagePath"} <= document.keys()


def read_labelme(documents: Mapping[Path, dict[str, Any]], problems: Problems) -> Dataset:
    """Return the photos of a folder of LabelMe's files, in order of their names.

    Polygons, rectangles (of two corners or four), circles and masks; shapes of one label and
    `group_id` are one object. `_background_` cuts a hole into what was drawn before it, of its
    group where it has one. A file without shapes is a photo that shows nothing. Where there is no
    photo, the copy in the file is taken.

    Args:
        documents: by file.
        problems: gets what is wrong.

    Raises:
        DataError: far too much is bad.
    """
    classes = LabelNames()
    entries: list[Entry] = []
    used_by: dict[Path, Path] = {}
    problems.expect(photos=len(documents))
    wanted = [([str(each["imagePath"])], photo_folders(file)) for file, each in documents.items()]
    places = find_photos(wanted, problems)
    for (file, document), found in zip(documents.items(), places, strict=True):
        shapes = document["shapes"]
        if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
            problems.add(file, "'shapes' is not a list of shapes", photos=1)
            continue
        problems.expect(annotations=len(shapes))
        for position, shape in enumerate(shapes):
            if not _label(shape):
                problems.add(file, "has no label", f"shape {position + 1}", annotations=1)
            elif _label(shape) != HOLE and _kind(shape) not in WITHOUT_AREA:
                classes.note(_label(shape))
        name = str(document["imagePath"])
        if found is None and isinstance(document.get("imageData"), str):
            found = file
        if found is None:
            problems.add(file, f"there is no photo {name!r} beside it", photos=1)
        elif found in used_by:
            problems.add(file, f"its photo {found} is already that of {used_by[found]}", photos=1)
        else:
            used_by[found] = file
            try:
                size = stated_size(document.get("imageHeight"), document.get("imageWidth"))
            except ValueError as error:
                problems.add(file, str(error), photos=1)
                continue
            annotate = partial(_annotate, shapes, classes)
            entries.append(Entry(found, str(file), annotate, len(shapes), size))
    photos = check_photos(entries, problems)
    return Dataset(classes.names(), photos)


def _label(shape: Record) -> str:
    label = shape.get("label")
    return "" if label is None else str(label).strip()


def _kind(shape: Record) -> str:
    return str(shape.get("shape_type") or "polygon")


def _group(shape: Record) -> str | None:
    """Return the group of a shape, `None` for none; some programs write "" for that."""
    group = shape.get("group_id")
    return None if group is None else str(group) or None


def _annotate(
    shapes: list[Record], classes: LabelNames, size_hw: tuple[int, int], report: Report
) -> list[Annotation]:
    groups = [_group(shape) for shape in shapes]
    keys = [group and (_label(shape), group) for shape, group in zip(shapes, groups, strict=True)]
    drawn = [_drawn(shape, index, size_hw, report) for index, shape in enumerate(shapes)]
    holes = [index for index, shape in enumerate(shapes) if _label(shape) == HOLE and drawn[index]]
    annotations: list[Annotation] = []
    for indices in group_in_order(keys):
        label, parts = _label(shapes[indices[0]]), []
        for index in indices:
            rle = drawn[index]
            for hole in holes:
                if rle is not None and hole > index and groups[hole] in (None, groups[index]):
                    rle = without(rle, drawn[hole])
            parts += [] if rle is None else [rle]
        if parts and label and label != HOLE:
            annotations += classes.annotations(label, merged(parts))
    return annotations


def _drawn(shape: Record, index: int, size_hw: tuple[int, int], report: Report) -> RLE | None:
    where = f"shape {index + 1} ({_label(shape)})"
    kind = _kind(shape)
    try:
        if kind in WITHOUT_AREA:
            report.mended(where, f"a {kind} has no area and is no object")
            return None
        rle = _encode(shape, size_hw)
    except ValueError as error:
        report.left_out(where, str(error))
        return None
    report.num_specks += rle is None
    return rle


def _encode(shape: Record, size_hw: tuple[int, int]) -> RLE | None:
    kind = _kind(shape)
    if kind == "mask":
        return _encode_mask(shape, size_hw)
    points = pairs(shape.get("points") or [])
    if kind == "polygon" or (kind in RECTANGLES and len(points) == 4):
        return encode_outlines([polygon(points)], size_hw)
    if kind not in (*RECTANGLES, "circle"):
        raise ValueError(f"a {kind} is not known; draw polygons, rectangles or circles")
    if len(points) != 2:
        raise ValueError(f"the {kind} has {len(points)} points, not 2")
    if kind in RECTANGLES:
        low, high = points.min(axis=0), points.max(axis=0)
        return encode_outlines([rectangle(*low, *(high - low))], size_hw)
    centre, rim = points
    radius = float(np.hypot(*(rim - centre)))
    outline = ellipse(float(centre[0]), float(centre[1]), radius, radius)
    return encode_outlines([outline], size_hw, whole=False)


def _encode_mask(shape: Record, size_hw: tuple[int, int]) -> RLE:
    """Return a mask that is stored as a PNG of its box."""
    from pycocotools.mask import encode

    try:
        data = base64.b64decode(shape.get("mask") or "", validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError("the mask is damaged") from error
    corners = pairs(shape.get("points") or [])
    height, width = picture_size(data)
    if height > MAX_MASK_SIDES * size_hw[0] or width > MAX_MASK_SIDES * size_hw[1]:
        raise ValueError(f"the mask is {width}x{height}, larger than its photo")
    part = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if height else None
    if part is None or len(corners) != 2:
        raise ValueError("the mask is damaged")
    whole: NDArray[np.uint8] = np.zeros(size_hw, np.uint8)
    left, top = (round(value) for value in corners.min(axis=0).tolist())
    bottom, right = top + part.shape[0], left + part.shape[1]
    slip = 2 + round(MAX_OUTSIDE * max(size_hw))
    if left < -slip or top < -slip or bottom > size_hw[0] + slip or right > size_hw[1] + slip:
        raise ValueError(f"the mask from {left}, {top} to {right}, {bottom} leaves the photo")
    inside = part[max(0, -top) :, max(0, -left) :]
    place = whole[max(0, top) :, max(0, left) :]
    rows, columns = np.minimum(place.shape, inside.shape)
    place[:rows, :columns] = inside[:rows, :columns] > 0
    if not whole.any():
        raise ValueError("the mask is empty")
    rle: RLE = encode(np.asfortranarray(whole))
    return rle
