"""COCO's format of annotations (https://cocodataset.org/#format-data)."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.dataset import RLE, Annotation, Dataset
from segmentation.data.parts.photo_check import (
    Entry,
    Report,
    check_photos,
    find_photo,
    photo_folders,
    stated_size,
)
from segmentation.data.parts.shapes import encode_outlines, encode_runs, polygon

KEYS = ("images", "annotations", "categories")
#: Overlap of a box with its mask below which it belongs to something else
MIN_BOX_OVERLAP = 0.5

Record = dict[str, Any]


def is_coco(document: object) -> bool:
    """Tell whether a JSON document is in COCO's format, or nearly so."""
    return isinstance(document, dict) and "images" in document and "annotations" in document


def read_coco(path: Path, document: dict[str, Any]) -> Dataset:
    """Return the photos of a file in COCO's format.

    Polygons, compressed and uncompressed RLE; `iscrowd` and `ignore` both mean a region to be
    ignored. Photos lie beside the file or in `images/`. Classes are the categories by id, without
    those that are but a heading of others (`supercategory`).

    Raises:
        DataError: all that is wrong.
    """
    problems = Problems(path)
    for key in KEYS:
        rows = document.get(key)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            problems.add(path, f"{key!r} is not a list of objects, which COCO's format wants")
    problems.raise_any()
    images, annotations = document["images"], document["annotations"]
    categories = _without_headings(document["categories"], annotations)
    for key, rows in zip(KEYS, (images, annotations, categories), strict=True):
        _check_ids(path, key, rows, problems)
    categories.sort(key=lambda row: str(row.get("id")).zfill(12))
    names = [str(row.get("name", "")) for row in categories]
    for name, num in Counter(names).items():
        if num > 1 or not name:
            problems.add(path, f"{num} categories are called {name!r}")
    labels = {_key(row.get("id")): label for label, row in enumerate(categories)}
    entries = _entries(path, images, annotations, labels, problems)
    photos = check_photos(entries, problems)
    problems.raise_any()
    return Dataset(tuple(names), photos)


def _key(value: Any) -> Any:
    """Return an id that can be looked up, whatever JSON had in its place."""
    return value if isinstance(value, int | str) else None


def _without_headings(categories: list[Record], annotations: list[Record]) -> list[Record]:
    used = {_key(row.get("category_id")) for row in annotations}
    above = {row.get("supercategory") for row in categories if row.get("supercategory")}
    above -= {row.get("name") for row in categories if row.get("supercategory") == row.get("name")}
    return [
        row for row in categories if _key(row.get("id")) in used or row.get("name") not in above
    ]


def _check_ids(path: Path, key: str, rows: list[Record], problems: Problems) -> None:
    counted = Counter(_key(row.get("id")) for row in rows)
    # pycocotools itself needs no ids of annotations, nor do some programs that write them
    if counted.pop(None, 0) and key != "annotations":
        problems.add(path, f"an entry of {key!r} has no id")
    for number, num in counted.items():
        if num > 1:
            problems.add(path, f"{num} entries of {key!r} have the id {number!r}")


def _entries(
    path: Path,
    images: list[Record],
    annotations: list[Record],
    labels: dict[Any, int],
    problems: Problems,
) -> list[Entry]:
    by_image: dict[Any, list[tuple[str, Record]]] = defaultdict(list)
    for position, row in enumerate(annotations):
        by_image[_key(row.get("image_id"))].append((_name(row, position), row))
    folders = photo_folders(path)
    entries = []
    for row in images:
        name, rows = row.get("file_name"), by_image.pop(_key(row.get("id")), [])
        found = find_photo(name, folders) if isinstance(name, str) else None
        if found is None:
            problems.add(path, f"image {row.get('id')}: there is no photo {name!r} beside it")
            continue
        where = f"{path}, {name}"
        try:
            stated = stated_size(row.get("height"), row.get("width"))
        except ValueError as error:
            problems.add(where, str(error))
            continue
        source = str(row.get("source", ""))
        entries.append(Entry(found, where, partial(_annotate, rows, labels), stated, source))
    for name, num in Counter(entry.path for entry in entries).items():
        if num > 1:
            problems.add(path, f"{num} entries of 'images' are the photo {name}")
    for number, orphans in by_image.items():
        for where, _ in orphans:
            problems.add(path, f"{where}: there is no image with the id {number!r}")
    return entries


def _name(row: Record, position: int) -> str:
    number = _key(row.get("id"))
    return f"annotation number {position + 1}" if number is None else f"annotation {number}"


def _annotate(
    rows: list[tuple[str, Record]], labels: dict[Any, int], size_hw: tuple[int, int], report: Report
) -> list[Annotation]:
    annotations = []
    for where, row in rows:
        label = labels.get(_key(row.get("category_id")))
        if label is None:
            report(where, f"there is no category with the id {row.get('category_id')!r}")
            continue
        try:
            rle = _encode(row.get("segmentation"), size_hw)
            if rle is not None:
                annotations.append(_annotation(row, label, rle))
        except ValueError as error:
            report(where, str(error))
    return annotations


def _encode(segmentation: Any, size_hw: tuple[int, int]) -> RLE | None:
    if isinstance(segmentation, dict):
        return encode_runs(segmentation, size_hw)
    if segmentation in (None, []):
        raise ValueError("has no segmentation")
    if not isinstance(segmentation, list):
        raise ValueError("the segmentation is neither polygons nor RLE")
    return encode_outlines([polygon(line) for line in segmentation], size_hw)


def _annotation(row: Record, label: int, rle: RLE) -> Annotation:
    """Return an annotation with COCO's own box and area where the row has good ones."""
    from pycocotools import mask as coco_mask

    is_crowd = bool(row.get("iscrowd") or row.get("ignore"))
    annotation = Annotation.from_rle(label, rle, is_crowd)
    box, area = annotation.box, annotation.area
    stated = row.get("bbox")
    if stated is not None and np.any(stated):
        try:
            x, y, width, height = (float(value) for value in stated)
        except (TypeError, ValueError):
            raise ValueError(f"the bbox {stated} is not x, y, width, height") from None
        overlap = coco_mask.iou([[x, y, width, height]], [coco_mask.toBbox(rle)], [False])[0, 0]
        if max(width, height) > 4 and not overlap >= MIN_BOX_OVERLAP:
            raise ValueError(f"the bbox {stated} (x, y, width, height) is not that of the mask")
        if overlap >= MIN_BOX_OVERLAP:
            box = np.array([x, y, x + width, y + height], np.float32)
    if isinstance(row.get("area"), int | float) and row["area"] > 0:
        area = float(row["area"])
    return Annotation(label, box, is_crowd, rle, area)
