"""What YOLO's photos are for: folders, and lists of photos, that a data.yaml names.

A list has a photo a line. Where it was written the data may have had another place, so that of its
paths the longest end counts that a photo here has; what then means several photos means none.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segmentation.data.parts.data_problems import Problems
from segmentation.data.parts.photo_check import form_of
from segmentation.data.parts.split_names import split_of
from segmentation.data.parts.yaml_subset import Value
from segmentation.errors import DataError

#: Of a data.yaml; a photo that several of them name is for the first
KEYS = ("train", "val", "valid", "test")
#: How much agrees where all of a path does
_ALL = 1000
#: So many parts of a path that is none of this machine must be there to mean a folder
_MIN_PARTS = 2


@dataclass(frozen=True, slots=True)
class _Match:
    """A line of a list, and the photo whose path ends as it does, for `num_parts` parts."""

    line: str
    split: str
    file: Path
    photo: Path
    num_parts: int
    is_elsewhere: bool


def splits_of(
    photos: Sequence[Path],
    folder: Path,
    file: Path | None,
    document: Mapping[str, Value],
    problems: Problems,
    *,
    is_whole: bool,
) -> dict[Path, str]:
    """Return "train", "val", "test" or "" for each photo.

    Lists count before folders that the data.yaml names, these before what folders are called.

    Args:
        photos: in `folder`.
        folder: that is read.
        file: the data.yaml.
        document: its content.
        problems: gets lists that are missing, and lines that mean no photo.
        is_whole: `folder` has all photos of the data.yaml, so that lines without one are told.
    """
    lists: list[tuple[str, Path]] = []
    places: dict[str, str] = {}
    ends = {end for parent in {photo.parent for photo in photos} for end in _ends(parent, folder)}
    for key in KEYS if file is not None else ():
        value = document.get(key)
        for stated in [value] if isinstance(value, str) else value or ():
            if not stated.endswith(".txt"):
                places.setdefault(_place(stated, folder, ends), split_of(key))
            elif (found := _find_list(stated, folder, file, document)) is not None:
                lists.append((split_of(key), found))
            else:
                told = f"there is no list {stated!r}; what is for what only folders say"
                problems.add(file or folder, told, key)
    listed, astray = _listed(photos, folder, lists, problems) if lists else ({}, {})
    for text, lines in astray.items() if is_whole else ():
        problems.add(text, f"{len(lines)} of its lines name no one photo, such as {lines[0]!r}")
    of_folders = {parent: "" for parent in {photo.parent for photo in photos}}
    for parent in of_folders:
        of_folders[parent] = _of_folder(parent, folder, places)
    return {photo: listed.get(photo) or of_folders[photo.parent] for photo in photos}


def lines_of(text: Path, most: int | None = None) -> list[str]:
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


def _parts(path: str) -> list[str]:
    """Return the parts of a path that name something, of any system."""
    parts = PurePosixPath(path.strip().replace("\\", "/")).parts
    return [part for part in parts if part not in ("/", "//", ".", "..")]


def _name(folder: Path) -> str:
    return os.path.basename(os.path.abspath(folder))


# === Folders ===


def _place(stated: str, folder: Path, ends: set[str]) -> str:
    """Return the end of a folder's path by which those here are compared with it."""
    parts = _parts(stated)
    is_absolute = os.path.isabs(stated) or (bool(parts) and parts[0].endswith(":"))
    if not is_absolute:
        return "/".join(parts)
    above = Path(os.path.abspath(folder)).parent
    path = Path(os.path.abspath(stated))
    if path.is_relative_to(above):
        return path.relative_to(above).as_posix()
    tails = ("/".join(parts[at:]) for at in range(len(parts) - _MIN_PARTS + 1))
    return next((tail for tail in tails if tail in ends), "/".join(parts))


def _ends(parent: Path, folder: Path) -> Iterator[str]:
    """Yield the ends of the paths of a folder and of those that it is in, the nearest first."""
    inside = Path(_name(folder), parent.relative_to(folder)).parts
    for stop in range(len(inside), 0, -1):
        for start in range(stop):
            yield "/".join(inside[start:stop])


def _of_folder(parent: Path, folder: Path, places: Mapping[str, str]) -> str:
    for end in _ends(parent, folder):
        if end in places:
            return places[end]
    inside = (_name(folder), *parent.relative_to(folder).parts)
    return next(filter(None, map(split_of, reversed(inside))), "")


# === Lists ===


def _find_list(
    stated: str, folder: Path, file: Path | None, document: Mapping[str, Value]
) -> Path | None:
    """Return the list of a name: under `path`, beside the data.yaml, or moved there."""
    plain = stated.replace("\\", "/")
    beside = folder if file is None else file.parent
    above = document.get("path")
    bases = [*([beside / above] if isinstance(above, str) else []), folder, beside]
    tails = dict.fromkeys((plain, "/".join(_parts(stated)), PurePosixPath(plain).name))
    places = (base / tail for tail in tails for base in bases)
    # unlike `Path.is_file` it takes names that no file can have
    return next(filter(os.path.isfile, places), None)


def _listed(
    photos: Sequence[Path], folder: Path, lists: Sequence[tuple[str, Path]], problems: Problems
) -> tuple[dict[Path, str], dict[Path, list[str]]]:
    """Return what the photos in lists are for, and the lines of lists that mean none."""
    by_path = {os.path.abspath(photo): photo for photo in photos}
    # the photo of an end with its ending, and without; `None` where there are several
    by_end: dict[tuple[str, str], Path | None] = {}
    for photo in photos:
        parts = (_name(folder), *photo.relative_to(folder).with_suffix("").parts)
        for end in _tails(parts):
            for key in ((end, form_of(photo.suffix)), (end, "")):
                by_end[key] = None if key in by_end else photo
    best: dict[Path, _Match] = {}
    matches: list[_Match] = []
    astray: dict[Path, list[str]] = defaultdict(list)
    twice: set[Path] = set()
    for split, file in lists:
        for line in map(str.strip, lines_of(file)):
            match = _match(line, split, file, folder, by_path, by_end)
            if match is None:
                astray[file].append(line)
                continue
            matches.append(match)
            before = best.setdefault(match.photo, match)
            if match.num_parts > before.num_parts:
                best[match.photo] = match
    for each in matches:
        if each.num_parts < best[each.photo].num_parts:
            astray[each.file].append(each.line)
        elif each.split != best[each.photo].split:
            twice.add(each.photo)
    problems.remarks += _remarks([each for each in best.values() if each.is_elsewhere], folder)
    if twice:
        problems.remarks.append(
            f"{len(twice)} photos are in several lists; they are for the first of train, val, test"
        )
    return {photo: match.split for photo, match in best.items()}, astray


def _tails(parts: Sequence[str]) -> Iterator[str]:
    """Yield the ends of a path, as names are compared, the longest first."""
    whole = form_of("/".join(parts)).split("/")
    for start in range(len(whole)):
        yield "/".join(whole[start:])


def _match(
    line: str,
    split: str,
    file: Path,
    folder: Path,
    by_path: Mapping[str, Path],
    by_end: Mapping[tuple[str, str], Path | None],
) -> _Match | None:
    """Return the one photo that a line means, `None` where it means none or several."""
    for base in (file.parent, folder):
        photo = by_path.get(os.path.abspath(base / line.replace("\\", "/")))
        if photo is not None:
            return _Match(line, split, file, photo, _ALL, False)
    parts = _parts(line)
    if not parts:
        return None
    name = PurePosixPath(parts[-1])
    for start, end in enumerate(_tails([*parts[:-1], name.stem])):
        if (end, "") not in by_end:
            continue
        alike = by_end.get((end, form_of(name.suffix)))
        photo = alike or by_end[end, ""]
        if photo is None:
            return None
        num_parts = len(parts) - start
        whole = min(len(parts), len(photo.relative_to(folder).parts))
        is_elsewhere = num_parts < whole or alike is None
        return _Match(line, split, file, photo, num_parts, is_elsewhere)
    return None


def _remarks(elsewhere: Sequence[_Match], folder: Path) -> list[str]:
    if not elsewhere:
        return []
    first = elsewhere[0]
    return [
        f"{len(elsewhere)} photos of its lists lie in other folders or have other endings, "
        f"such as {first.line!r} for {first.photo.relative_to(folder).as_posix()}"
    ]
