"""Which of the formats of annotations some files are in."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segmentation.data.coco_dataset import Crowds, is_coco, read_coco
from segmentation.data.labelme_dataset import is_labelme, read_labelme
from segmentation.data.mask_folder_dataset import IMAGES, MASKS, is_mask_folder, read_mask_folder
from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.dataset import Dataset
from segmentation.data.parts.json_file import read_json
from segmentation.data.parts.split_names import SPLITS, split_of
from segmentation.data.via_dataset import is_via, read_via
from segmentation.data.voc_dataset import is_voc, read_voc
from segmentation.data.yolo_dataset import is_yolo, read_yolo
from segmentation.errors import DataError
from segmentation.segmenter import composed

#: Name -> whether a document is in that format.
OF_JSON: dict[str, Callable[[object], bool]] = {
    "COCO": is_coco,
    "VIA": is_via,
    "LabelMe": is_labelme,
}
#: How COCO's own files of objects begin
OF_OBJECTS = "instances_"
KNOWN = (
    "known are COCO JSON, VIA JSON, a folder of LabelMe JSON, YOLO's data.yaml or its folder, "
    f"masks of VOC or CVAT, and a folder with {IMAGES}/ and {MASKS}/"
)


def read_dataset(
    path: str | os.PathLike[str], *, strict: bool = False, crowds: Crowds | None = None
) -> Dataset:
    """Read photos with annotations; the format is recognised by its content.

    | format | what `path` is |
    |---|---|
    | COCO JSON | the file, or a folder with one such file |
    | VIA JSON (VGG Image Annotator 1, 2 and 3) | the file, or a folder with one such file |
    | LabelMe JSON | a folder with one such file for each photo |
    | YOLO | its data.yaml, or the folder of that; see `segmentation.data.yolo_dataset` |
    | masks of VOC or CVAT | the folder; see `segmentation.data.voc_dataset` |
    | masks | a folder with `images/` and `masks/`; see `segmentation.data.mask_folder_dataset` |

    A folder may also have folders `train`, `valid` and `test` with one of these in each, or be
    around the one that has any.

    Every photo is decoded once and every annotation drawn once, so that what is wrong with them
    shows here and not in the middle of a training. It is left out, and listed in
    `Dataset.problems`.

    Args:
        path: of the data.
        strict: refuse data with which anything is wrong.
        crowds: what COCO's `iscrowd` makes of an annotation: one of several "objects", or a region
            to "ignore"; `None` as the program that wrote the file means it.

    Raises:
        DataError: all that is wrong with the data, where nothing of it can be used, or more than
            a fifth of its photos or annotations is bad, or it is read strictly; also where it
            holds several formats, or several files of one.
    """
    dataset, problems = understand(Path(path), crowds)
    problems.check(strict=strict)
    return dataset


def understand(path: Path, crowds: Crowds | None = None) -> tuple[Dataset, Problems]:
    """Return photos with annotations, however much of them is bad, and what that is.

    Raises:
        DataError: nothing of it can be used, or nearly nothing.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder")
    problems = Problems(path)
    dataset = _read_folder(path, problems, crowds) if path.is_dir() else None
    if dataset is None and path.suffix.lower() in (".yaml", ".yml"):
        dataset = read_yolo(path, problems)
    elif dataset is None:
        document = read_json(path)
        dataset = _read_files(_format(path, document), {path: document}, problems, crowds)
    if not dataset.photos:
        problems.check(strict=True)
        raise DataError(f"{path}: no photo is named in it")
    # a single file lists its classes, and may have none; of other data they are what is drawn
    if not dataset.classes and problems.path.suffix.lower() != ".json":
        problems.refuse(problems.path, "no photo has a shape of an object")
    problems.raise_fatal()
    dataset = _with_composed_names(dataset)
    remarks = tuple(dict.fromkeys(problems.remarks))
    return replace(dataset, problems=problems.rows(), remarks=remarks), problems


def _read_folder(path: Path, problems: Problems, crowds: Crowds | None) -> Dataset:
    if path.name == MASKS and is_mask_folder(path.parent):
        return read_mask_folder(path.parent, problems)
    found = sorted([*path.glob("*.json"), *path.glob("annotations/*.json")])
    # macOS puts a file "._NAME" beside each on disks that are not its own
    documents = _documents([file for file in found if not file.name.startswith(".")], problems)
    others = _folder_formats(path)
    if others:  # beside which some programs write what they know of the project
        documents = {file: document for file, document in documents.items() if _names(document)}
    formats = {file: _format(file, document) for file, document in documents.items()}
    named = [f"{file.relative_to(path)} ({name})" for file, name in formats.items()]
    named += [f"{name} ({what})" for name, what, _ in others]
    kinds = set(formats.values())
    of_objects = [file for file in documents if file.name.startswith(OF_OBJECTS)]
    if kinds == {"COCO"} and of_objects:  # COCO's archive has captions and keypoints as well
        documents = {file: documents[file] for file in of_objects}
        named = [f"{file.relative_to(path)} (COCO)" for file in of_objects]
    if not named:
        return _read_split_folders(path, problems, crowds)
    if kinds == {"COCO"} and not others and len(documents) > 1:
        splits = {file: split_of(_last_word(file)) for file in documents}
        if all(splits.values()) and len(set(splits.values())) == len(splits):
            return _joined(
                [
                    read_coco(file, documents[file], problems, crowds, split)
                    for file, split in splits.items()
                ]
            )
    if (kinds != {"LabelMe"} and len(named) > 1) or (kinds and others):
        listed = ", ".join(named[:5]) + (", ..." if len(named) > 5 else "")
        what = "formats are mixed in it" if len(kinds) + len(others) > 1 else "several"
        raise DataError(f"{path}: {what}: {listed}; name the one that counts")
    if not kinds:
        return others[0][2](path, problems)
    return _read_files(kinds.pop(), documents, problems, crowds)


def _documents(files: Sequence[Path], problems: Problems) -> dict[Path, Any]:
    """Return the content of files of JSON, without what is no annotations where some are."""
    documents: dict[Path, Any] = {}
    damaged: list[DataError] = []
    for file in files:
        try:
            documents[file] = read_json(file)
        except DataError as error:
            damaged.append(error)
    formats = {name for document in documents.values() for name in _names(document)}
    if damaged and formats != {"LabelMe"}:
        raise damaged[0]
    problems.expect(photos=len(damaged))
    for each in damaged:
        file_name, _, what = str(each).partition(": ")
        problems.add(file_name, what, photos=1)
    if formats:
        for file in [file for file, document in documents.items() if not _names(document)]:
            problems.add(file, "is none of the formats of annotations, and passed over")
            del documents[file]
    return documents


def _folder_formats(path: Path) -> list[tuple[str, str, Callable[[Path, Problems], Dataset]]]:
    """Return what is in a folder besides JSON: a name, the format, and what reads it."""
    if is_voc(path):
        return [("SegmentationClass/ or SegmentationObject/", "VOC", read_voc)]
    if is_mask_folder(path):
        return [(f"{MASKS}/", "masks", read_mask_folder)]
    return [("labels/ or data.yaml", "YOLO", read_yolo)] if is_yolo(path) else []


def _last_word(file: Path) -> str:
    """Return what the name of a file ends in: "val" for `instances_val2017.json`."""
    return file.stem.rpartition("_")[2].rstrip("0123456789")


def _read_files(
    name: str, documents: dict[Path, Any], problems: Problems, crowds: Crowds | None
) -> Dataset:
    if name == "LabelMe":
        return read_labelme(documents, problems)
    (file, document), *_ = documents.items()
    problems.path = file
    if name == "COCO":
        return read_coco(file, document, problems, crowds)
    return read_via(file, document, problems)


def _read_split_folders(path: Path, problems: Problems, crowds: Crowds | None) -> Dataset:
    """Return the data of the folders `train`, `valid` and `test`, of whatever format."""
    folders = sorted(inside for inside in path.iterdir() if inside.is_dir())
    folders = [folder for folder in folders if folder.name.lower() in SPLITS]
    if not folders:
        return _read_inner_folder(path, problems, crowds)
    datasets = []
    for folder in folders:
        dataset = _read_folder(folder, problems, crowds)
        split = split_of(folder.name)
        photos = tuple(replace(photo, split=split) for photo in dataset.photos)
        datasets.append(replace(dataset, photos=photos))
    problems.path = path
    return _joined(datasets)


def _read_inner_folder(path: Path, problems: Problems, crowds: Crowds | None) -> Dataset:
    """Return the data of the one folder that has any, as in archives and VOC's `VOCdevkit/`.

    Of LabelMe it may be several, as it opens folders with all that is in them.
    """
    folders = [inside for inside in path.iterdir() if inside.is_dir() and inside.name[0] != "."]
    folders = sorted(folder for folder in folders if _has_any(folder))
    if len(folders) > 1:
        files = [file for file in sorted(path.rglob("*.json")) if file.name[0] != "."]
        documents = _documents(files, problems)
        if documents and all(_names(each) == ["LabelMe"] for each in documents.values()):
            return read_labelme(documents, problems)
        listed = ", ".join(folder.name for folder in folders[:5])
        more = ", ..." if len(folders) > 5 else ""
        raise DataError(f"{path}: several folders have annotations: {listed}{more}; name one")
    if not folders:
        raise DataError(f"{path}: no annotations in it; {KNOWN}")
    problems.path = folders[0]
    return _read_folder(folders[0], problems, crowds)


def _has_any(folder: Path, depth: int = 2) -> bool:
    """Tell whether there may be annotations in a folder, or in folders in it."""
    found = (*folder.glob("*.json"), *folder.glob("annotations/*.json"))
    if any(not file.name.startswith(".") for file in found) or _folder_formats(folder):
        return True
    inside = (each for each in folder.iterdir() if each.is_dir() and each.name[0] != ".")
    return depth > 0 and any(_has_any(each, depth - 1) for each in inside)


def _with_composed_names(dataset: Dataset) -> Dataset:
    """Return the data with names as they are compared; some may be one that were two."""
    names = [composed(name) for name in dataset.classes]
    classes = tuple(dict.fromkeys(names))
    if len(classes) == len(names):
        return replace(dataset, classes=classes)
    return dataset.with_classes(
        classes, {label: classes.index(name) for label, name in enumerate(names)}
    )


def _joined(datasets: list[Dataset]) -> Dataset:
    """Return the photos of all, their classes matched by name."""
    classes = tuple(dict.fromkeys(name for each in datasets for name in each.classes))
    category_ids = _joined_ids(classes, datasets)
    if any(each.classes != classes for each in datasets):
        datasets = [
            each.with_classes(
                classes, {old: classes.index(name) for old, name in enumerate(each.classes)}
            )
            for each in datasets
        ]
    photos = tuple(photo for each in datasets for photo in each.photos)
    return Dataset(classes, photos, category_ids=category_ids)


def _joined_ids(classes: tuple[str, ...], datasets: list[Dataset]) -> tuple[int, ...] | None:
    """Return the number of each class where all of the data agree on it, else `None`."""
    pairs = {
        pair
        for each in datasets
        for pair in zip(each.classes, each.category_ids or (None,) * len(each.classes), strict=True)
    }
    known = {name: number for name, number in pairs if number is not None}
    agree = len(pairs) == len(classes) == len(known) == len(set(known.values()))
    return tuple(known[name] for name in classes) if agree else None


def _names(document: Any) -> list[str]:
    return [name for name, is_format in OF_JSON.items() if is_format(document)]


def _format(path: Path, document: Any) -> str:
    names = _names(document)
    if len(names) > 1:
        raise DataError(f"{path}: two formats are mixed in it, {' and '.join(names)}")
    if not names:
        raise DataError(f"{path}: not a format that is known; {KNOWN}")
    return names[0]
