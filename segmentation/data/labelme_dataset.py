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
from segmentation.data.parts.dataset import RLE, Annotation, Dataset
from segmentation.data.parts.label_names import LabelNames
from segmentation.data.parts.photo_check import (
    Entry,
    Report,
    check_photos,
    find_photo,
    photo_folders,
    stated_size,
)
from segmentation.data.parts.shapes import (
    ellipse,
    encode_outlines,
    group_in_order,
    pairs,
    polygon,
    rectangle,
)

Record = dict[str, Any]


def is_labelme(document: object) -> bool:
    """Tell whether a JSON document was written by LabelMe."""
    return isinstance(document, dict) and {"shapes", "imagePath"} <= document.keys()


def read_labelme(path: Path, documents: Mapping[Path, dict[str, Any]]) -> Dataset:
    """Return the photos of a folder of LabelMe's files, in order of their names.

    Polygons, rectangles, circles and masks; shapes of one label and `group_id` are one object. A
    file without shapes is a photo that shows nothing.

    Args:
        path: of the folder.
        documents: by file.

    Raises:
        DataError: all that is wrong.
    """
    problems = Problems(path)
    classes = LabelNames()
    entries: list[Entry] = []
    used_by: dict[Path, Path] = {}
    for file, document in documents.items():
        shapes = document["shapes"]
        if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
            problems.add(file, "'shapes' is not a list of shapes")
            continue
        for position, shape in enumerate(shapes):
            if not str(shape.get("label") or "").strip():
                problems.add(f"{file}, shape {position + 1}", "has no label")
            else:
                classes.note(_label(shape))
        name = str(document["imagePath"])
        found = find_photo(name, photo_folders(file))
        if found is None:
            problems.add(file, f"there is no photo {name!r} beside it")
        elif found in used_by:
            problems.add(file, f"its photo {found} is already that of {used_by[found]}")
        else:
            used_by[found] = file
            try:
                size = stated_size(document.get("imageHeight"), document.get("imageWidth"))
            except ValueError as error:
                problems.add(file, str(error))
                continue
            entries.append(Entry(found, str(file), partial(_annotate, shapes, classes), size))
    photos = check_photos(entries, problems)
    if not classes.names():
        problems.add(path, "no photo has a shape")
    problems.raise_any()
    return Dataset(classes.names(), photos)


def _label(shape: Record) -> str:
    return str(shape.get("label") or "").strip()


def _annotate(
    shapes: list[Record], classes: LabelNames, size_hw: tuple[int, int], report: Report
) -> list[Annotation]:
    from pycocotools.mask import merge

    keys = [
        None if shape.get("group_id") is None else (_label(shape), str(shape["group_id"]))
        for shape in shapes
    ]
    annotations: list[Annotation] = []
    for indices in group_in_order(keys):
        parts = []
        for index in indices:
            try:
                parts.append(_encode(shapes[index], size_hw))
            except ValueError as error:
                report(f"shape {index + 1} ({_label(shapes[index])})", str(error))
        drawn = [part for part in parts if part is not None]
        if drawn and _label(shapes[indices[0]]):
            annotations += classes.annotations(_label(shapes[indices[0]]), merge(drawn))
    return annotations


def _encode(shape: Record, size_hw: tuple[int, int]) -> RLE | None:
    kind = shape.get("shape_type") or "polygon"
    if kind == "mask":
        return _encode_mask(shape, size_hw)
    points = pairs(shape.get("points") or [])
    if kind == "polygon":
        return encode_outlines([polygon(points)], size_hw)
    if kind not in ("rectangle", "circle"):
        raise ValueError(f"a {kind} has no area; draw polygons, rectangles or circles")
    if len(points) != 2:
        raise ValueError(f"the {kind} has {len(points)} points, not 2")
    if kind == "rectangle":
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
        data = np.frombuffer(base64.b64decode(shape.get("mask") or "", validate=True), np.uint8)
    except (binascii.Error, TypeError) as error:
        raise ValueError("the mask is damaged") from error
    part = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    corners = pairs(shape.get("points") or [])
    if part is None or len(corners) != 2:
        raise ValueError("the mask is damaged")
    whole: NDArray[np.uint8] = np.zeros(size_hw, np.uint8)
    left, top = (round(value) for value in corners.min(axis=0).tolist())
    bottom, right = top + part.shape[0], left + part.shape[1]
    if left < 0 or top < 0 or bottom > size_hw[0] or right > size_hw[1]:
        raise ValueError(f"the mask from {left}, {top} to {right}, {bottom} leaves the photo")
    whole[top:bottom, left:right] = part > 0
    if not whole.any():
        raise ValueError("the mask is empty")
    rle: RLE = encode(np.asfortranarray(whole))
    return rle
