"""Photos of a dataset are found, decoded once, and their annotations drawn at their size."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cv2

from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.dataset import Annotation, Photo, decoded
from segmentation.errors import DataError
from segmentation.processors import num_processors
from segmentation.segmenter import composed

#: No photo has so many objects, which would take long to draw
MAX_OBJECTS = 20_000
#: Photos are smaller than that
MAX_SIDE = 1_000_000


@dataclass(slots=True)
class Report:
    """What the annotations of one photo lack.

    Attributes:
        problems: annotation, what is wrong with it, and how many are left out because of it.
        num_specks: so many objects smaller than a pixel, which cover none.
        num_shades: so many values of masks that smoothing or JPEG made, most likely.
    """

    problems: list[tuple[str, str, int]] = field(default_factory=list)
    num_specks: int = 0
    num_shades: int = 0

    def left_out(self, where: str, what: str) -> None:
        """Note an annotation that cannot be used."""
        self.problems.append((where, what, 1))

    def mended(self, where: str, what: str) -> None:
        """Note an annotation that is used otherwise than it stands there, or is none at all."""
        self.problems.append((where, what, 0))


#: Given a photo's (height, width), returns its annotations and reports those that cannot be used.
Annotate = Callable[[tuple[int, int], Report], list[Annotation]]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a file of annotations says of one photo.

    Attributes:
        path: of the photo.
        where: how problems name it.
        annotate: makes its annotations.
        num_objects: that it will look at, where these are known.
        stated_hw: height and width as the file has them, `None` where it says nothing.
        source: see `Photo`.
        split: see `Photo`.
        image_id: see `Photo`.
    """

    path: Path
    where: str
    annotate: Annotate
    num_objects: int = 0
    stated_hw: tuple[int, int] | None = None
    source: str = ""
    split: str = ""
    image_id: int | None = None


#: Names that a photo may have, any of them, and the folders in which it may lie
Wanted = tuple[Sequence[str], Sequence[Path]]
#: Label Studio puts that before the names of files when they are uploaded
_PREFIX = re.compile(r"^[0-9a-f]{8}-")


def find_photos(wanted: Sequence[Wanted], problems: Problems) -> list[Path | None]:
    """Return the photo of each name, `None` where there is none that only this can mean.

    A name may be an address, its characters escaped, with the name of the file in its query as
    Label Studio has it; capitals and the Unicode form of letters need not be those of the file.
    What lies nowhere as its whole name says is the file of its last part, or of that without Label
    Studio's prefix where there is but one, unless another name means that file: how many these
    are is remarked.

    Args:
        wanted: what entries name.
        problems: gets the remarks.
    """
    found = [next(_there(*each, _whole), None) for each in wanted]
    claimed = {os.path.abspath(path) for path in found if path is not None}
    for readings, told, may_be_several in (
        (_last, "by the last part of their names alone", True),
        (_without_prefix, "without the eight characters before their names", False),
    ):
        loose: dict[int, Path] = {}
        names: dict[str, set[tuple[str, ...]]] = {}
        for index, each in enumerate(wanted):
            there = [] if found[index] is not None else list(_there(*each, readings))
            if there and (may_be_several or len(set(map(os.path.abspath, there))) == 1):
                loose[index] = there[0]
                names.setdefault(os.path.abspath(there[0]), set()).add(tuple(each[0]))
        for index, path in list(loose.items()):
            place = os.path.abspath(path)
            if place in claimed or len(names[place]) > 1:
                del loose[index]
            else:
                found[index] = path
        claimed |= set(map(os.path.abspath, loose.values()))
        if loose:
            index, path = next(iter(loose.items()))
            example = f"{wanted[index][0][0]!r} as {path}"
            problems.remarks.append(f"{len(loose)} photos were found {told}, such as {example}")
    return found


def _there(
    names: Sequence[str], folders: Sequence[Path], readings: Callable[[str], list[str]]
) -> Iterator[Path]:
    """Yield the files that names may mean, those first that are written in the same way."""
    candidates = [each for name in names for each in readings(name.replace("\\", "/"))]
    for candidate in candidates:
        for folder in folders:
            path = folder / candidate
            # unlike `Path.is_file` it takes names that no file can have
            if os.path.isfile(path):
                yield path
    for candidate in candidates:
        for folder in folders:
            found = [file for file in _files_like(folder / candidate) if file.is_file()]
            if len(found) == 1:
                yield found[0]


def _whole(name: str) -> list[str]:
    """Return what a name may mean, the most likely first."""
    plain = unquote(name).replace("\\", "/")
    address, _, query = plain.partition("?")
    whole = [name, plain, *([query.partition("=")[2], address] if query else [])]
    return list(dict.fromkeys(filter(None, whole)))


def _last(name: str) -> list[str]:
    last = [each.rsplit("/", 1)[-1] for each in _whole(name)]
    return list(dict.fromkeys(filter(None, last)))


def _without_prefix(name: str) -> list[str]:
    plain = [_PREFIX.sub("", each) for each in _last(name) if _PREFIX.match(each)]
    return list(dict.fromkeys(filter(None, plain)))


def _files_like(path: Path) -> list[Path]:
    """Return the files of a folder whose names differ from that of a path only in their form."""
    try:
        changed = os.stat(path.parent).st_mtime_ns
    except (OSError, ValueError):
        return []
    return _by_form(path.parent, changed).get(form_of(path.name), [])


@lru_cache(maxsize=16)
def _by_form(folder: Path, changed: int) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            found.setdefault(form_of(name), []).append(folder / name)
    return found


def form_of(name: str) -> str:
    """Return a file's name without what differs from system to system: capitals, Unicode form."""
    return composed(name).casefold()


def photo_folders(file: Path) -> list[Path]:
    """Return where the photos of a file of annotations may lie.

    Beside it or in `images/`, there or one folder up. Where the file is in a folder `annotations`,
    also around that, in COCO's own layout (`annotations/instances_val2017.json`, `val2017/`) and in
    that of CVAT (`images/val/`).
    """
    above = file.parent.parent
    folders = [file.parent, file.parent / "images", above / "images"]
    if file.parent.name.lower() == "annotations":
        part = file.stem.rsplit("_", 1)[-1]
        folders += [above, above / part, above / "images" / part]
    return folders


def stated_size(height: Any, width: Any) -> tuple[int, int] | None:
    """Return the size a file states for a photo, `None` where it states none.

    Raises:
        ValueError: it states nonsense.
    """
    if height is None and width is None:
        return None
    try:
        numbers = [float(value) for value in (height, width) if not isinstance(value, bool)]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    if len(numbers) < 2 or not all(0 < value < MAX_SIDE for value in numbers):
        raise ValueError(f"the size of the photo, {width!r} x {height!r}, is no size")
    return int(numbers[0]), int(numbers[1])


def check_photos(entries: Sequence[Entry], problems: Problems) -> tuple[Photo, ...]:
    """Decode every photo and draw every annotation, some at a time; returns what is good.

    Raises:
        DataError: far too much is bad.
    """
    photos = []
    num_specks, shades = 0, list[int]()
    pool = ThreadPoolExecutor(num_processors())
    try:
        for entry, (photo, report) in zip(entries, pool.map(_check, entries), strict=True):
            for where, what, lost in report.problems:
                if photo is None:
                    problems.add(where, what, photos=lost)
                else:
                    problems.add(entry.where, what, where, annotations=lost)
            num_specks += report.num_specks
            shades += [report.num_shades] if report.num_shades else []
            if photo is not None:
                photos.append(photo)
    finally:
        pool.shutdown(cancel_futures=True)
    if num_specks:
        problems.remarks.append(f"{num_specks} objects smaller than a pixel are left out")
    if shades:
        problems.remarks.append(
            f"the masks of {len(shades)} photos are taken as smoothed, or as JPEG: {sum(shades)} "
            "of their values are no objects, and go to what is nearer"
        )
    return tuple(photos)


def _check(entry: Entry) -> tuple[Photo | None, Report]:
    report = Report()
    if entry.num_objects > MAX_OBJECTS:
        report.left_out(entry.where, f"has {entry.num_objects} objects, more than a photo shows")
        return None, report
    try:
        height, width = decoded(entry.path, cv2.IMREAD_GRAYSCALE).shape
    except DataError as error:
        report.left_out(str(entry.path), str(error).removeprefix(f"{entry.path}: "))
        return None, report
    if entry.stated_hw not in (None, (height, width)):
        stated = entry.stated_hw or (0, 0)
        turned = " (turned as its EXIF tag says)" if stated == (width, height) else ""
        line = f"annotated at {stated[1]}x{stated[0]}, but {entry.path} is {width}x{height}{turned}"
        report.left_out(entry.where, line)
        return None, report
    annotations = entry.annotate((height, width), report)
    photo = Photo(
        entry.path,
        (height, width),
        tuple(annotations),
        entry.source,
        entry.split,
        entry.image_id,
    )
    return photo, report
