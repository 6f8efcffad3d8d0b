"""Annotated photos written in COCO's format (https://cocodataset.org/#format-data)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from segmentation.data.parts.dataset import Annotation, Dataset, Photo, copy_inside
from segmentation.unfinished import Unfinished

ANNOTATIONS, IMAGES = "annotations.json", "images"


class CocoDocument:
    """A file of COCO's format, photo by photo.

    Args:
        classes: names; `Annotation.label` indexes into them.
        category_ids: of the classes; from 1 on where they have none.
    """

    def __init__(self, classes: Sequence[str], category_ids: Sequence[int] | None = None) -> None:
        """Begin without photos."""
        self._ids = list(category_ids or range(1, len(classes) + 1))
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
            x1, y1, x2, y2 = each.box.astype(float).tolist()
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
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": each.area,
                    "iscrowd": int(each.is_crowd),
                }
            )

    def text(self) -> str:
        """Return the file's content."""
        rows = {
            "images": self._images,
            "annotations": self._annotations,
            "categories": self._categories,
        }
        return json.dumps(rows, ensure_ascii=False)


def write_coco(dataset: Dataset, folder: Path) -> None:
    """Write a data set: `images/` and `annotations.json`, which `read_dataset` reads again.

    Where the photos say what they are for there is a file for each part instead, such as
    `annotations/instances_train.json`. Photos on the same disk are linked to, others copied.

    Image and category ids are those of the data, where they have such.

    Args:
        dataset: of any format.
        folder: that is not there yet, in one that is; it gets its name when it is whole.

    Raises:
        OSError: it cannot be written.
        DataError: a photo cannot be read any more.
    """
    splits = sorted({photo.split for photo in dataset.photos} - {""})
    ids = dataset.category_ids
    documents = {split: CocoDocument(dataset.classes, ids) for split in splits or [""]}
    image_ids = _image_ids(dataset.photos)
    part = Unfinished(folder)
    try:
        part.hold_folder()
        (part.path / IMAGES).mkdir()
        names: set[str] = set()
        for number, photo in zip(image_ids, dataset.photos, strict=True):
            name = _free_name(photo, names)
            _bring(photo, part.path / IMAGES / name)
            document = documents[photo.split if photo.split in documents else splits[0]]
            document.add(name, photo.size_hw, photo.annotations, number)
        if splits:
            (part.path / "annotations").mkdir()
        for split, document in documents.items():
            file = f"annotations/instances_{split}.json" if split else ANNOTATIONS
            (part.path / file).write_text(document.text(), encoding="utf-8")
        part.finish()
    finally:
        part.discard()


def _image_ids(photos: Sequence[Photo]) -> list[int]:
    """Return the photos' own numbers where each has one that no other has, else 1, 2, 3, ..."""
    own = [photo.image_id for photo in photos if photo.image_id is not None]
    return own if len(set(own)) == len(photos) else list(range(1, len(photos) + 1))


def _free_name(photo: Photo, names: set[str]) -> str:
    """Return a name for a photo that no other one has, whatever the letters' case."""
    ending = photo.path.suffix
    if ending == ".json":
        is_png = copy_inside(photo.path).startswith(b"\x89PNG")
        ending = ".png" if is_png else ".jpg"
    name, number = f"{photo.path.stem}{ending}", 1
    while name.casefold() in names:
        number += 1
        name = f"{photo.path.stem}_{number}{ending}"
    names.add(name.casefold())
    return name


def _bring(photo: Photo, target: Path) -> None:
    if photo.path.suffix == ".json":
        target.write_bytes(copy_inside(photo.path))
        return
    try:
        os.link(photo.path.resolve(), target)
    except OSError:  # on another disk, or on one without links
        shutil.copyfile(photo.path, target)
