"""JSON of the VGG Image Annotator (VIA) 1 and 2, as in Matterport's balloon sample.

A project file or an export of annotations; https://www.robots.ox.ac.uk/~vgg/software/via.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.dataset import RLE, Annotation, Dataset
from segmentation.data.parts.label_names import ONLY_CLASS, LabelNames
from segmentation.data.parts.photo_check import (
    Entry,
    Report,
    check_photos,
    find_photo,
    photo_folders,
)
from segmentation.data.parts.shapes import ellipse, encode_outlines, polygon, rectangle
from segmentation.errors import DataError

PROJECT = "_via_img_metadata"
#: Region attributes that name the class, the first that a region has; any other only if alone
CLASS_ATTRIBUTES = ("class", "label", "name", "category", "type", "object")

Record = dict[str, Any]


def is_via(document: object) -> bool:
    """Tell whether a JSON document was written by VIA."""
    if not isinstance(document, dict):
        return False
    rows = document.get(PROJECT, document)
    return PROJECT in document or (
        isinstance(rows, dict)
        and len(rows) > 0
        and all(
            isinstance(row, dict) and {"filename", "regions"} <= row.keys() for row in rows.values()
        )
    )


def read_via(path: Path, document: dict[str, Any]) -> Dataset:
    """Return the photos of a file of VIA that have regions; the others wait to be annotated.

    Polygons, rectangles, circles and ellipses. The class of a region is its attribute `class`,
    `label`, `name`, `category`, `type` or `object`, or the only one it has; where no region of
    the file has any, they are all of one class, "object".

    Raises:
        DataError: all that is wrong.
    """
    problems = Problems(path)
    rows = document.get(PROJECT, document)
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise DataError(f"{path}: {PROJECT!r} does not hold a photo each")
    photos = [(str(row.get("filename")), list(_regions(row))) for row in rows.values()]
    photos = [(name, regions) for name, regions in photos if regions]
    if not photos:
        problems.add(path, "no photo has a region")
    named = any(region.get("region_attributes") for _, regions in photos for region in regions)
    classes = LabelNames()
    entries = []
    seen: set[Path] = set()
    for name, regions in photos:
        labelled = []
        for position, region in enumerate(regions):
            where = f"region {position + 1}"
            try:
                name_of = _class_name(region.get("region_attributes")) if named else ONLY_CLASS
                labelled.append((where, classes.note(name_of), region))
            except ValueError as error:
                problems.add(f"{path}, {name}, {where}", str(error))
        found = find_photo(name, photo_folders(path))
        if found is None:
            problems.add(path, f"there is no photo {name!r} beside it")
        elif found in seen:
            problems.add(path, f"the photo {name!r} is in it twice")
        else:
            seen.add(found)
            annotate = partial(_annotate, labelled, classes)
            entries.append(Entry(found, f"{path}, {name}", annotate))
    checked = check_photos(entries, problems)
    problems.raise_any()
    return Dataset(classes.names(), checked)


def _regions(row: Record) -> Iterator[Record]:
    """Yield the regions of a photo, which VIA 1 has in an object and VIA 2 in a list."""
    regions = row.get("regions")
    listed = regions.values() if isinstance(regions, dict) else regions
    for region in listed if isinstance(listed, Iterable) else []:
        yield region if isinstance(region, dict) else {}


def _class_name(attributes: Any) -> str:
    filled = {}
    for key, value in attributes.items() if isinstance(attributes, dict) else ():
        if isinstance(value, dict):  # checkboxes
            ticked = [name for name, is_set in value.items() if is_set]
            value = ticked[0] if len(ticked) == 1 else ""
        if isinstance(value, str | int) and str(value).strip():
            filled[str(key).strip().lower()] = str(value).strip()
    for key in CLASS_ATTRIBUTES:
        if key in filled:
            return filled[key]
    if len(filled) == 1:
        return next(iter(filled.values()))
    if filled:
        raise ValueError(f"none of its attributes ({', '.join(filled)}) is called class")
    raise ValueError("has no class")


def _annotate(
    labelled: list[tuple[str, str, Record]],
    classes: LabelNames,
    size_hw: tuple[int, int],
    report: Report,
) -> list[Annotation]:
    annotations: list[Annotation] = []
    for where, name, region in labelled:
        try:
            rle = _encode(region.get("shape_attributes"), size_hw)
        except ValueError as error:
            report(where, str(error))
            continue
        if rle is not None:
            annotations += classes.annotations(name, rle)
    return annotations


def _encode(shape: Any, size_hw: tuple[int, int]) -> RLE | None:
    if not isinstance(shape, dict):
        raise ValueError("has no shape")
    kind = shape.get("name")
    try:
        if kind == "polygon":
            xs, ys = shape["all_points_x"], shape["all_points_y"]
            if len(xs) != len(ys):
                raise ValueError(f"the polygon has {len(xs)} x and {len(ys)} y")
            return encode_outlines([polygon(list(zip(xs, ys, strict=True)))], size_hw)
        if kind == "rect":
            values = (float(shape[key]) for key in ("x", "y", "width", "height"))
            return encode_outlines([rectangle(*values)], size_hw)
        if kind in ("circle", "ellipse"):
            radii = ("r", "r") if kind == "circle" else ("rx", "ry")
            x, y, radius_x, radius_y = (float(shape[key]) for key in ("cx", "cy", *radii))
            outline = ellipse(x, y, radius_x, radius_y, float(shape.get("theta", 0)))
            return encode_outlines([outline], size_hw, whole=False)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"the {kind} lacks numbers ({error})") from error
    raise ValueError(f"a {kind} has no area; draw polygons, rectangles, circles or ellipses")
