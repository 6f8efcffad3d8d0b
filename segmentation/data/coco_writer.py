"""Annotated photos written in COCO's format (https://cocodataset.org/#format-data)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segmentation.data.parts.dataset import Annotation, Dataset, Photo, copy_inside, decoded
from segmentation.data.parts.stated_box import believed
from segmentation.errors import PictureError
from segmentation.unfinished import MAX_NAME_BYTES, Unfinished, shortened

ANNOTATIONS, IMAGES = "annotations.json", "images"
#: How EXIF begins in JPEG, PNG and WebP
EXIF_MARKS = (b"Exif\0\0", b"eXIf", b"EXIF")


class CocoDocument:
    """A file of COCO's format, photo by photo.

    Args:
        classes: names; `Annotation.label` indexes into them.
        category_ids: of the classes.
    """

    def __init__(self, classes: Sequence[str], category_ids: Sequence[int]) -> None:
        """Begin without photos."""
        self._ids = category_ids
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._categories = [
            {"id": number, "name": name, "supercategory": ""}
            for number, name in zip(self._ids, classes, strict=True)
        ]

    def add(
        self,
        file_name: str,
        size_hw: tuple[int, int],
        annotations: Iterable[Annotation],
        image_id: int | None = None,
    ) -> None:
        """Add a photo.

        Args:
            file_name: as it is to stand there.
            size_hw: in pixels.
            annotations: masks of this size.
            image_id: one that no other has; `None` for the next number.
        """
        number = len(self._images) + 1 if image_id is None else image_id
        height, width = size_hw
        self._images.append(
            {"id": number, "file_name": file_name, "height": height, "width": width}
        )
        for each in annotations:
            x1, y1, x2, y2 = believed(each).astype(float).tolist()
            bbox = [round(value, 2) for value in (x1, y1, x2 - x1, y2 - y1)]
            counts = each.rle["counts"]
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": number,
                    "category_id": self._ids[each.label],
                    "segmentation": {
                        "size": [height, width],
                        "counts": counts.decode() if isinstance(counts, bytes) else counts,
                    },
                    "bbox": bbox,
                    "area": each.area,
                    "iscrowd": int(each.is_crowd),
                }
            )

    def content(self) -> bytes:
        """Return the file's content: UTF-8, of names of files that are none JSON's escapes."""
        rows = {
            "images": self._images,
            "annotations": self._annotations,
            "categories": self._categories,
        }
        return json.dumps(rows, ensure_ascii=False).encode(errors="backslashreplace")


def write_coco(dataset: Dataset, folder: Path) -> None:
    """Write a data set: `images/` and `annotations.json`, which `read_dataset` reads again.

    Where the photos say that they are for several things there is a file for each part instead,
    such as `annotations/instances_train.json`; those that say nothing are trained on. Photos on the
    same disk are linked to, others copied; one that EXIF turns, which some programs heed and
    others do not, becomes a PNG.

    Image and category ids are those of the data, where they have such, else 1, 2, 3, ...

    Args:
        dataset: of any format.
        folder: that is not there yet, in one that is; it gets its name when it is whole.

    Raises:
        OSError: it cannot be written.
        DataError: a photo cannot be read any more.
    """
    parts = _parts(dataset.photos)
    part = Unfinished(folder)
    try:
        part.hold_folder()
        (part.path / IMAGES).mkdir()
        names: set[str] = set()
        for split, photos in parts.items():
            document = CocoDocument(dataset.classes, dataset.numbers)
            for number, photo in zip(_image_ids(photos), photos, strict=True):
                name = _bring(photo, part.path / IMAGES, names)
                document.add(name, photo.size_hw, photo.annotations, number)
            file = part.path / (f"annotations/instances_{split}.json" if split else ANNOTATIONS)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(document.content())
        part.finish()
    finally:
        part.discard()


def _parts(photos: Sequence[Photo]) -> dict[str, list[Photo]]:
    """Return the photos of each part, in order; where there is but one it has no name."""
    splits = [photo.split for photo in photos]
    if len(set(splits)) == 1:
        return {"": list(photos)}
    parts: dict[str, list[Photo]] = {}
    for split, photo in zip(splits, photos, strict=True):
        parts.setdefault(split or "train", []).append(photo)
    return parts


def _image_ids(photos: Sequence[Photo]) -> list[int]:
    """Return the photos' own numbers where each has one that no other has, else 1, 2, 3, ..."""
    own = [photo.image_id for photo in photos if photo.image_id is not None]
    return own if len(set(own)) == len(photos) else list(range(1, len(photos) + 1))


def _bring(photo: Photo, folder: Path, names: set[str]) -> str:
    """Write a photo, in a form in which all programs see the same; returns its name.

    Args:
        photo: to be written.
        folder: to write to.
        names: of others, in whatever case of letters; gets this one.
    """
    if _is_turned(photo.path):
        name = _free_name(photo.path.stem, ".png", names)
        data = cv2.imencode(".png", photo.image()[..., ::-1])[1]
        (folder / name).write_bytes(data.tobytes())
    elif photo.path.suffix == ".json":
        copy = copy_inside(photo.path)
        ending = ".png" if copy.startswith(b"\x89PNG") else ".jpg"
        name = _free_name(photo.path.stem, ending, names)
        (folder / name).write_bytes(copy)
    else:
        name = _free_name(photo.path.stem, photo.path.suffix, names)
        try:
            os.link(photo.path.resolve(), folder / name)
        except OSError:  # on another disk, or on one without links
            shutil.copyfile(photo.path, folder / name)
    return name


def _is_turned(path: Path) -> bool:
    """Tell whether a photo looks otherwise to who does not heed its EXIF."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(f"{path}: cannot be read any more ({error.strerror})") from error
    may_be = path.suffix.lower() in (".json", ".tif", ".tiff")
    if not may_be and not any(mark in data for mark in EXIF_MARKS):  # nearly all, told at once
        return False
    turned = decoded(path, cv2.IMREAD_GRAYSCALE)
    stored = decoded(path, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    return not np.array_equal(turned, stored)


def _free_name(stem: str, ending: str, names: set[str]) -> str:
    name, number = f"{stem}{ending}", 1
    while name.casefold() in names:
        number += 1
        added = f"_{number}{ending}"
        name = f"{shortened(stem, MAX_NAME_BYTES - len(os.fsencode(added)))}{added}"
    names.add(name.casefold())
    return name
