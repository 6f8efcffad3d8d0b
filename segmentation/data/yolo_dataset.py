"""YOLO's outlines: a text for each photo (https://docs.ultralytics.com/datasets/segment).

    data.yaml                        `names` of the classes; `train`, `val` and `test`
    images/train/NAME.jpg            or train/images/NAME.jpg, or without folders of splits
    labels/train/NAME.txt            or train/labels/NAME.txt; or beside the photo

Each line of a text is an object: the number of its class, then x and y of each corner as shares of
the photo's width and height. Four numbers are centre and size of a box.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.dataset import Annotation, Dataset
from segmentation.data.parts.many_outlines import Drawn, draw_ordinary
from segmentation.data.parts.photo_check import MAX_OBJECTS, Entry, Report, check_photos, form_of
from segmentation.data.parts.shapes import Points, encode_outlines, polygon, rectangle
from segmentation.data.parts.split_names import split_of
from segmentation.data.parts.yaml_subset import Value, read_yaml
from segmentation.errors import DataError
from segmentation.picture import PHOTO_ENDINGS

IMAGES, LABELS = "images", "labels"
#: Files of names, one a line, of programs that write no YAML
NAME_FILES = ("classes.txt", "obj.names", "_darknet.labels")
#: Shares above that are pixels
MAX_SHARE = 2.0


def is_yolo(path: Path) -> bool:
    """Tell whether a file or folder is laid out so."""
    if path.is_file():
        return path.suffix in (".yaml", ".yml")
    return (
        next(_yaml_files(path), None) is not None
        or any((path / name).is_file() for name in NAME_FILES)
        or next((path / LABELS).rglob("*.txt"), None) is not None
    )


def read_yolo(path: Path, problems: Problems) -> Dataset:
    """Return the photos of a data.yaml, of its folder, or of one of the folders in that.

    A photo without a text shows nothing, as YOLO takes it.

    Args:
        path: of the file or folder.
        problems: gets what is wrong.

    Raises:
        DataError: nothing of it can be used.
    """
    file = path if path.is_file() else _yaml_above(path)
    document = {} if file is None else _document(file)
    is_inside = file is not None and (path.is_file() or file.parent == path)
    folder = _root(file, document) if file is not None and is_inside else path
    names = _names(file, document, folder)
    texts = {text: _lines(text, MAX_OBJECTS) for text in _texts(folder)}
    by_form = {form_of(str(text)): text for text in texts}
    listed = _listed(file, document)
    photos = [photo for photo in sorted(folder.rglob("*")) if _is_photo(photo, folder)]
    problems.expect(photos=len(photos), annotations=sum(map(len, texts.values())))
    entries, num_bare = [], 0
    for photo in photos:
        places = list(_places(photo, folder))
        like = (by_form.get(form_of(str(place))) for place in places)
        text = next((text for text in (*places, *like) if text in texts), None)
        lines = [] if text is None else texts.pop(text)
        num_bare += text is None
        split = _split(photo, folder, listed)
        where = str(photo if text is None else text)
        annotate = partial(_annotate, lines, names)
        entries.append(Entry(photo, where, annotate, len(lines), split=split))
    for text, lines in texts.items():
        told = f"there is no photo of this name in {IMAGES}/"
        problems.add(text, told, annotations=len(lines))
    if not photos:
        problems.refuse(folder, "has no photos")
    if num_bare:
        problems.remarks.append(f"{num_bare} photos have no text in {LABELS}/ and show nothing")
    checked = check_photos(entries, problems)
    return Dataset(names, checked)


# === Files ===


def _yaml_files(folder: Path) -> Iterator[Path]:
    for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        if not file.name.startswith(".") and b"names" in file.read_bytes()[:1_000_000]:
            yield file


def _yaml_above(folder: Path) -> Path | None:
    """Return the data.yaml of a folder, or of those that it is in, as `train/` may be."""
    absolute = folder.resolve()
    for place in (absolute, *list(absolute.parents)[:2]):
        files = list(_yaml_files(place))
        if len(files) > 1 and place == absolute:
            told = ", ".join(file.name for file in files)
            raise DataError(f"{folder}: several: {told}; name the one that counts")
        if files:
            return folder / files[0].name if place == absolute else files[0]
        if any((place / name).is_file() for name in NAME_FILES):
            return None
    return None


def _document(file: Path) -> dict[str, Value]:
    try:
        return read_yaml(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: not YAML as YOLO has it ({error})") from error


def _root(file: Path, document: dict[str, Value]) -> Path:
    """Return the folder that a data.yaml is about: its own, unless `path` leads elsewhere."""
    folder = file.parent
    stated = document.get("path")
    if isinstance(stated, str) and stated and not _has_texts(folder):
        for place in (folder / stated, folder.parent / PurePosixPath(stated).name):
            if place.is_dir():
                return place
    return folder


def _has_texts(folder: Path) -> bool:
    return next(_texts(folder), None) is not None


def _texts(folder: Path) -> Iterator[Path]:
    """Yield the texts of a folder that can be of photos; labelImg puts the names beside them."""
    for text in sorted(folder.rglob("*.txt")):
        inside = text.relative_to(folder)
        in_labels = LABELS in map(str.lower, (folder.name, *inside.parts[:-1]))
        can_be = in_labels and text.name not in NAME_FILES
        if not any(part.startswith(".") for part in inside.parts) and (
            can_be or any(text.with_suffix(ending).is_file() for ending in PHOTO_ENDINGS)
        ):
            yield text


def _is_photo(path: Path, folder: Path) -> bool:
    inside = path.relative_to(folder)
    is_hidden = any(part.startswith(".") for part in inside.parts)
    in_labels = LABELS in map(str.lower, inside.parts)
    return path.suffix.lower() in PHOTO_ENDINGS and not is_hidden and not in_labels


def _places(photo: Path, folder: Path) -> Iterator[Path]:
    """Yield where the text of a photo may lie: `labels` for the last `images`, or beside it."""
    parts = list(photo.relative_to(folder.parent).parts)
    for position in reversed(range(len(parts))):
        if parts[position].lower() == IMAGES:
            parts[position] = LABELS
            yield folder.parent.joinpath(*parts).with_suffix(".txt")
            break
    yield photo.with_suffix(".txt")


def _lines(text: Path, most: int | None = None) -> list[str]:
    """Return the lines of a text that are not empty.

    Raises:
        DataError: it cannot be read, or there are more than `most`.
    """
    try:
        content = text.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"{text}: cannot be read ({error.strerror})") from error
    num = content.count("\n")
    if most is not None and num > most:
        raise DataError(f"{text}: has {num} lines, more objects than a photo shows")
    return [line for line in content.split("\n") if line.strip()]


def _names(file: Path | None, document: dict[str, Value], folder: Path) -> tuple[str, ...]:
    names = document.get("names")
    if isinstance(names, list):
        return _checked(tuple(names), file or folder)
    if isinstance(names, dict) and all(number.isdecimal() for number in names):
        last = max(map(int, names), default=-1)
        if last < 10 * len(names) + 100:
            by_number = {int(number): name for number, name in names.items()}
            listed = [by_number.get(number, f"class {number}") for number in range(last + 1)]
            return _checked(tuple(listed), file or folder)
    above = list(folder.resolve().parents)[:2]
    places = [place / name for place in (folder, *above) for name in NAME_FILES]
    beside = [place for name in NAME_FILES for place in sorted((folder / LABELS).rglob(name))]
    for place in (*places, *beside):
        if place.is_file():
            return _checked(tuple(line.strip() for line in _lines(place)), place)
    if file is not None:
        raise DataError(f"{file}: has no names of classes, such as names: [apple, pear]")
    raise DataError(
        f"{folder}: has {LABELS}/ but no names of classes; put a data.yaml there with "
        "names: [apple, pear]"
    )


def _checked(names: tuple[str, ...], where: Path) -> tuple[str, ...]:
    if not names or "" in names or len(set(names)) < len(names):
        raise DataError(f"{where}: its names of classes are empty, or one is there twice")
    return names


# === Splits ===


def _listed(file: Path | None, document: dict[str, Value]) -> dict[str, str]:
    """Return the split of places that a data.yaml names, and of photos in its lists."""
    listed: dict[str, str] = {}
    for key in ("train", "val", "valid", "test"):
        value = document.get(key)
        for place in [value] if isinstance(value, str) else value or ():
            name = PurePosixPath(place.replace("\\", "/"))
            listed.setdefault(name.as_posix().lstrip("./"), split_of(key))
            text = None if file is None else file.parent / name.name
            if text is not None and text.suffix == ".txt" and text.is_file():
                for line in _lines(text):
                    stem = PurePosixPath(line.strip().replace("\\", "/")).stem
                    listed.setdefault(f"/{stem}", split_of(key))
    return listed


def _split(photo: Path, folder: Path, listed: dict[str, str]) -> str:
    inside = photo.relative_to(folder.parent)
    if f"/{photo.stem}" in listed:
        return listed[f"/{photo.stem}"]
    for parent in inside.parents:
        for place in (parent, *(parent.relative_to(part) for part in parent.parents)):
            if place.as_posix() in listed:
                return listed[place.as_posix()]
    return next(filter(None, map(split_of, reversed(inside.parts[:-1]))), "")


# === Lines ===


def _annotate(
    lines: list[str], names: tuple[str, ...], size_hw: tuple[int, int], report: Report
) -> list[Annotation]:
    annotations = []
    parsed = [_label_and_outline(line, names, size_hw) for line in lines]
    ordinary = draw_ordinary(
        [None if isinstance(each, str) else [each[1].ravel().tolist()] for each in parsed], size_hw
    )
    for number, (each, drawn) in enumerate(zip(parsed, ordinary, strict=True)):
        where = f"line {number + 1}"
        if isinstance(each, str):
            report.left_out(where, each)
            continue
        label, outline = each
        if isinstance(drawn, Drawn):
            annotations.append(Annotation(label, drawn.box, False, drawn.rle, drawn.area))
            continue
        try:
            rle = None if drawn == "speck" else encode_outlines([outline], size_hw)
        except ValueError as error:
            report.left_out(where, str(error))
            continue
        report.num_specks += rle is None
        if rle is not None:
            annotations.append(Annotation.from_rle(label, rle))
    return annotations


def _label_and_outline(
    line: str, names: tuple[str, ...], size_hw: tuple[int, int]
) -> tuple[int, Points] | str:
    """Return the label and the corners of a line, or what is wrong with it."""
    try:
        values = _numbers(line)
        if not (values[0].is_integer() and 0 <= values[0] < len(names)):
            return f"there is no class with the number {values[0]:g}"
        return int(values[0]), _outline(values[1:], size_hw)
    except ValueError as error:
        return str(error)


def _numbers(line: str) -> NDArray[np.float64]:
    try:
        values = np.array(line.split(), np.float64)
    except ValueError:
        values = np.zeros(0)
    if not len(values) or not np.isfinite(values).all():
        raise ValueError("the line is not made of numbers")
    return values


def _outline(shares: NDArray[np.float64], size_hw: tuple[int, int]) -> Points:
    # results have the score behind
    shares = shares[: len(shares) // 2 * 2]
    if np.abs(shares).max(initial=0) > MAX_SHARE:
        raise ValueError("the corners are no shares of the photo, from 0 to 1, perhaps pixels")
    points = shares.reshape(-1, 2) * size_hw[::-1]
    if len(points) == 2:
        (x, y), (width, height) = points.tolist()
        return rectangle(x - width / 2, y - height / 2, width, height)
    return polygon(points)
