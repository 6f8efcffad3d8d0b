"""YOLO's outlines: a text for each photo (https://docs.ultralytics.com/datasets/segment).

    data.yaml                        `names` of the classes; `train`, `val` and `test`
    images/train/NAME.jpg            or train/images/NAME.jpg, or without folders of splits
    labels/train/NAME.txt            or train/labels/NAME.txt; or beside the photo

Each line of a text is an object: the number of its class, then x and y of each corner as shares of
the photo's width and height. Four numbers are centre and size of a box. Where the data.yaml has
`kpt_shape` there are keypoints behind the box, which are passed over
(https://docs.ultralytics.com/datasets/pose).
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
from segmentation.data.parts.yaml_subset import Value, read_yaml
from segmentation.data.parts.yolo_splits import lines_of, splits_of
from segmentation.errors import DataError
from segmentation.picture import PHOTO_ENDINGS

IMAGES, LABELS = "images", "labels"
#: Files of names, one a line, of programs that write no YAML
NAME_FILES = ("classes.txt", "obj.names", "_darknet.labels")
#: Shares above that are pixels
MAX_SHARE = 2.0
#: How many keypoints an object has, and how many numbers each of them
Pose = tuple[int, int]


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
    texts = {text: lines_of(text, MAX_OBJECTS) for text in _texts(folder)}
    by_form = {form_of(str(text)): text for text in texts}
    pose = _pose(file, document)
    photos = [photo for photo in sorted(folder.rglob("*")) if _is_photo(photo, folder)]
    problems.expect(photos=len(photos), annotations=sum(map(len, texts.values())))
    splits = splits_of(photos, folder, file, document, problems, is_whole=is_inside)
    entries, num_bare = [], 0
    photo_of: dict[Path, Path] = {}
    for photo in photos:
        places = list(_places(photo, folder))
        like = (by_form.get(form_of(str(place))) for place in places)
        text = next((text for text in (*places, *like) if text in texts), None)
        if text is not None and photo_of.setdefault(text, photo) != photo:
            problems.add(photo, f"has the same text, {text}, as {photo_of[text]}", photos=1)
            continue
        num_bare += text is None
        lines = [] if text is None else texts[text]
        where = str(photo if text is None else text)
        annotate = partial(_annotate, lines, names, pose)
        entries.append(Entry(photo, where, annotate, len(lines), split=splits[photo]))
    for text, lines in texts.items():
        if text not in photo_of:
            told = f"there is no photo of this name in {IMAGES}/"
            problems.add(text, told, annotations=len(lines))
    if not photos:
        problems.refuse(folder, "has no photos")
    if num_bare:
        problems.remarks.append(f"{num_bare} photos have no text in {LABELS}/ and show nothing")
    if pose is not None:
        problems.remarks.append(
            "the texts have keypoints (kpt_shape), which are passed over; an object is its box"
        )
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
            return _checked(tuple(line.strip() for line in lines_of(place)), place)
    if file is not None:
        raise DataError(f"{file}: has no names of classes, such as names: [apple, pear]")
    raise DataError(
        f"{folder}: has {LABELS}/ but no names of classes; put a data.yaml there with "
        "names: [apple, pear]"
    )


def _checked(names: tuple[str, ...], where: Path) -> tuple[str, ...]:
    if not names:
        raise DataError(f"{where}: its names of classes are an empty list")
    first: dict[str, int] = {}
    for number, name in enumerate(names):
        if not name:
            raise DataError(f"{where}: the name of class number {number} is empty")
        if first.setdefault(name, number) != number:
            told = f"classes number {first[name]} and {number} are both called {name!r}"
            raise DataError(f"{where}: {told}")
    return names


# === Lines ===


def _pose(file: Path | None, document: dict[str, Value]) -> Pose | None:
    stated = document.get("kpt_shape")
    if stated is None:
        return None
    numbers = [int(text) for text in stated if text.isdecimal()] if isinstance(stated, list) else []
    if len(numbers) != 2 or len(stated) != 2:
        raise DataError(f"{file}: kpt_shape is not two numbers, of keypoints and of each, [17, 3]")
    return numbers[0], numbers[1]


def _annotate(
    lines: list[str],
    names: tuple[str, ...],
    pose: Pose | None,
    size_hw: tuple[int, int],
    report: Report,
) -> list[Annotation]:
    annotations = []
    parsed = [_label_and_outline(line, names, pose, size_hw) for line in lines]
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
    line: str, names: tuple[str, ...], pose: Pose | None, size_hw: tuple[int, int]
) -> tuple[int, Points] | str:
    """Return the label and the corners of a line, or what is wrong with it."""
    try:
        values = _numbers(line)
        if not (values[0].is_integer() and 0 <= values[0] < len(names)):
            return f"there is no class with the number {values[0]:g}"
        shares = values[1:] if pose is None else _box_of_pose(values[1:], pose)
        return int(values[0]), _outline(shares, size_hw)
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


def _box_of_pose(values: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
    """Return centre and size of the box in front of the keypoints."""
    num, num_each = pose
    wanted = 4 + num * num_each
    if len(values) not in (wanted, wanted + 1):  # results have the score behind
        raise ValueError(
            f"{len(values)} numbers behind the class, a box and {num} keypoints of {num_each} have "
            f"{wanted}"
        )
    return values[:4]


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
