"""JSON of the VGG Image Annotator (VIA) 1, 2 and 3, as in Matterport's balloon sample.

A project file or, of VIA 1 and 2, an export of annotations;
https://www.robots.ox.ac.uk/~vgg/software/via.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.dataset import RLE, Annotation, Dataset
from segmentation.data.parts.label_names import ONLY_CLASS, LabelNames
from segmentation.data.parts.photo_check import (
    Entry,
    Report,
    check_photos,
    find_photos,
    photo_folders,
)
from segmentation.data.parts.shapes import (
    Points,
    ellipse,
    encode_outlines,
    pairs,
    polygon,
    rectangle,
)
from segmentation.errors import DataError

PROJECT = "_via_img_metadata"
PROJECT_3 = {"project", "file", "metadata", "view"}
#: Shapes that mark places, not objects
WITHOUT_AREA = ("point", "line", "polyline")
#: Numbers of shapes in VIA 3 -> what they are called in VIA 2, and its keys for the numbers behind
SHAPES_3: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("point", ()),
    2: ("rect", ("x", "y", "width", "height")),
    3: ("circle", ("cx", "cy", "r")),
    4: ("ellipse", ("cx", "cy", "rx", "ry")),
    5: ("line", ()),
    6: ("polyline", ()),
    7: ("polygon", ()),
    8: ("extreme_rect", ()),
    9: ("extreme_circle", ()),
}
#: Region attributes that name the class, the first that a region has; any other only if alone
CLASS_ATTRIBUTES = ("class", "label", "name", "category", "type", "object")

Record = dict[str, Any]


def is_via(document: object) -> bool:
    """Tell whether a JSON document was written by VIA."""
    if not isinstance(document, dict):
        return False
    rows = document.get(PROJECT, document)
    if PROJECT in document or PROJECT_3 <= document.keys():
        return True
    return (
        isinstance(rows, dict)
        and len(rows) > 0
        and all(
            isinstance(row, dict) and {"filename", "regions"} <= row.keys() for row in rows.values()
        )
    )


def read_via(path: Path, document: dict[str, Any], problems: Problems) -> Dataset:
    """Return the photos of a file of VIA that have regions; the others wait to be annotated.

    Polygons, rectangles, circles and ellipses. The class of a region is its attribute `class`,
    `label`, `name`, `category`, `type` or `object`, or the only one it has; where no region of
    the file has any, they are all of one class, "object".

    Args:
        path: of the file.
        document: its content.
        problems: gets what is wrong.

    Raises:
        DataError: nothing of it can be used.
    """
    if PROJECT_3 <= document.keys():
        document = {PROJECT: as_via_2(path, document)}
    rows = document.get(PROJECT, document)
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise DataError(f"{path}: {PROJECT!r} does not hold a photo each")
    photos = [(str(row.get("filename")), list(_regions(row))) for row in rows.values()]
    num_waiting = len(photos)
    photos = [(name, regions) for name, regions in photos if regions]
    if not photos:
        problems.refuse(path, "no photo has a region")
    elif num_waiting > len(photos):
        num = num_waiting - len(photos)
        problems.remarks.append(f"{num} photos without regions are taken as not yet annotated")
    problems.expect(photos=len(photos), annotations=sum(len(regions) for _, regions in photos))
    named = any(region.get("region_attributes") for _, regions in photos for region in regions)
    classes = LabelNames()
    entries = []
    seen: set[Path] = set()
    folders = photo_folders(path)
    places = find_photos([([name], folders) for name, _ in photos], problems)
    for (name, regions), found in zip(photos, places, strict=True):
        labelled = _labelled(f"{path}, {name}", regions, classes, problems, named=named)
        if found is None:
            problems.add(path, f"there is no photo {name!r} beside it", photos=1)
        elif found in seen:
            problems.add(path, f"the photo {name!r} is in it twice", photos=1)
        else:
            seen.add(found)
            annotate = partial(_annotate, labelled, classes)
            entries.append(Entry(found, f"{path}, {name}", annotate, len(labelled)))
    return Dataset(classes.names(), check_photos(entries, problems))


def _labelled(
    file: str, regions: list[Record], classes: LabelNames, problems: Problems, *, named: bool
) -> list[tuple[str, str, Record]]:
    """Return place, class and shape of each region that has a class."""
    labelled = []
    for position, region in enumerate(regions):
        where = f"region {position + 1}"
        try:
            name = _class_name(region.get("region_attributes")) if named else ONLY_CLASS
            if not _has_no_area(region):
                classes.note(name)
            labelled.append((where, name, region))
        except ValueError as error:
            num = 0 if _has_no_area(region) else 1
            problems.add(file, str(error), where, annotations=num)
    return labelled


def as_via_2(path: Path, document: dict[str, Any]) -> dict[str, Record]:
    """Return a project of VIA 3 as VIA 2 would have written it: photos with regions.

    Raises:
        DataError: it is none.
    """
    files, views, metadata, attributes = (
        document.get(key) or {} for key in ("file", "view", "metadata", "attribute")
    )
    tables: Any = (files, views, metadata, attributes)
    if not all(isinstance(table, dict) for table in tables) or not all(
        isinstance(row, dict) for table in tables for row in table.values()
    ):
        raise DataError(f"{path}: 'file', 'view' and 'metadata' do not hold an object each")
    photos: dict[str, Record] = {}
    for number, row in files.items():
        photos[str(number)] = {"filename": row.get("fname") or row.get("src"), "regions": []}
    shown = {
        number: [str(file) for file in row.get("fid_list") or [] if str(file) in photos]
        for number, row in views.items()
        if isinstance(row.get("fid_list"), list | None)
    }
    for row in metadata.values():
        # without a place it describes the whole photo
        for file in shown.get(str(row.get("vid")), []) if row.get("xy") else []:
            photos[file]["regions"].append(_region_of_3(row, attributes))
    return photos


def _region_of_3(row: Record, attributes: dict[str, Record]) -> Record:
    shape: Record = {"name": "shape that is damaged"}
    xy = row.get("xy")
    if isinstance(xy, list) and isinstance(xy[0], int | float) and int(xy[0]) in SHAPES_3:
        name, keys = SHAPES_3[int(xy[0])]
        shape = {"name": name, **dict(zip(keys, xy[1:], strict=False))}
        if not keys:
            shape |= {"all_points_x": xy[1::2], "all_points_y": xy[2::2]}
    named = {}
    values = row.get("av")
    for key, value in values.items() if isinstance(values, dict) else ():
        attribute = attributes.get(str(key), {})
        options = attribute.get("options")
        # what is chosen from a list is stored by its number there, several with commas between
        if isinstance(options, dict) and isinstance(value, str) and value in options:
            value = options[value]
        named[str(attribute.get("aname") or key)] = value
    return {"shape_attributes": shape, "region_attributes": named}


def _has_no_area(region: Record) -> bool:
    shape = region.get("shape_attributes")
    return isinstance(shape, dict) and shape.get("name") in WITHOUT_AREA


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
        if _has_no_area(region):
            kind = region["shape_attributes"]["name"]
            report.mended(where, f"a {kind} has no area and is no object")
            continue
        try:
            rle = _encode(region.get("shape_attributes"), size_hw)
        except ValueError as error:
            report.left_out(where, str(error))
            continue
        report.num_specks += rle is None
        if rle is not None:
            annotations += classes.annotations(name, rle)
    return annotations


def _encode(shape: Any, size_hw: tuple[int, int]) -> RLE | None:
    if not isinstance(shape, dict):
        raise ValueError("has no shape")
    kind = shape.get("name")
    try:
        if kind in ("polygon", "extreme_rect", "extreme_circle"):
            xs, ys = shape["all_points_x"], shape["all_points_y"]
            if len(xs) != len(ys):
                raise ValueError(f"the polygon has {len(xs)} x and {len(ys)} y")
            points = pairs(list(zip(xs, ys, strict=True)))
            if kind == "extreme_circle":
                return encode_outlines([_circle(points)], size_hw, whole=False)
            if kind == "extreme_rect" and len(points):
                low, high = points.min(axis=0), points.max(axis=0)
                return encode_outlines([rectangle(*low, *(high - low))], size_hw)
            return encode_outlines([polygon(points)], size_hw)
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
    raise ValueError(f"a {kind} is not known; draw polygons, rectangles, circles or ellipses")


def _circle(points: Points) -> Points:
    """Return the circle through three points."""
    if len(points) != 3:
        raise ValueError(f"the circle has {len(points)} points, not 3")
    # the centre is as far from the first as from each of the others
    away = points[1:] - points[0]
    if np.linalg.matrix_rank(away) < 2:
        raise ValueError("the three points of the circle lie on a line")
    centre = np.linalg.solve(2 * away, (away**2).sum(axis=1))
    x, y = (points[0] + centre).tolist()
    radius = float(np.hypot(*centre))
    return ellipse(x, y, radius, radius)
