"""How frames are told apart in COCO's formats."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segmentation.data.parts.json_file import read_json
from segmentation.errors import DataError
from stream.frame import Frame, OutputInfo

#: Bytes of the JSON around photos that are looked at; more of them are of LabelMe, one a photo.
#: COCO's own, which is larger, names its photos by their ids.
MAX_BYTES, MAX_FILES = 64_000_000, 20


class ImageIds:
    """Gives each frame the number that results, data sets and legends of it share.

    It is the one that a photo has in a file of COCO's format beside it; else the number that is
    its whole name, as COCO names its photos (000000397133.jpg); else the 0-based index of the
    frame. A photo whose number is already taken gets -1 minus its index.

    Args:
        info: of the outputs to come.
    """

    def __init__(self, info: OutputInfo) -> None:
        """Give no number yet."""
        self._has_times = info.stream.fps is not None
        self._taken: set[int] = set()
        self._beside: dict[Path, dict[str, int]] = {}  # folder -> name of a photo -> its number

    def keys(self, frame: Frame) -> dict[str, Any]:
        """Return `image_id`; `file_name` of a photo; `time_s` of a frame of a video, in seconds."""
        keys: dict[str, Any] = {"image_id": frame.index}
        if frame.name is not None:
            keys = {"image_id": self._of_photo(frame, frame.name), "file_name": frame.name}
        if self._has_times:
            keys["time_s"] = round(frame.time_s, 6)
        return keys

    def _of_photo(self, frame: Frame, name: str) -> int:
        beside: dict[str, int] = {}
        if frame.path is not None:
            folder = frame.path.parent
            if folder not in self._beside:
                self._beside[folder] = ids_beside(folder)
                self._taken.update(self._beside[folder].values())
            beside = self._beside[folder]
        if name in beside:
            return beside[name]
        stem = Path(name).stem
        number = int(stem) if stem.isascii() and stem.isdecimal() else frame.index
        if number in self._taken:
            # below 0, where no photo's name can lead: two photos must not count as one
            number = -1 - frame.index
        self._taken.add(number)
        return number


def ids_beside(folder: Path) -> dict[str, int]:
    """Return the numbers that photos of a folder have in a file of COCO's format, by their names.

    The file lies in the folder, or around it: COCO's and CVAT's layouts. Names and numbers that are
    not clear are left out.
    """
    told = (_name_and_number(row) for file in _files(folder) for row in _images(file))
    rows = list(dict.fromkeys(row for row in told if row is not None))
    names = Counter(name for name, _ in rows)
    numbers = Counter(number for _, number in rows)
    return {name: number for name, number in rows if names[name] == numbers[number] == 1}


def _name_and_number(row: dict[str, Any]) -> tuple[str, int] | None:
    number, name = row.get("id"), str(row.get("file_name", "")).replace("\\", "/")
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    return os.path.basename(name), number


def _files(folder: Path) -> Iterator[Path]:
    """Yield the JSON in a folder of photos and around it that may be of COCO's format."""
    folder = folder.resolve()
    is_images = folder.name == "images"
    places = [folder, folder / "annotations", folder.parent / "annotations"]
    for place in [*places, folder.parent] if is_images else places:
        found = [file for file in place.glob("*.json") if not file.name.startswith(".")]
        if place == places[2] and not is_images:  # COCO's instances_val2017.json, and val2017/
            found = [file for file in found if file.stem.rpartition("_")[2] == folder.name]
        sizes = [file.stat().st_size for file in found]
        if len(found) <= MAX_FILES and sum(sizes) <= MAX_BYTES:
            yield from found


def _images(file: Path) -> Iterator[dict[str, Any]]:
    try:
        document = read_json(file)
    except DataError:
        return
    if isinstance(document, dict) and isinstance(document.get("annotations"), list):
        images = document.get("images")
        rows = images if isinstance(images, list) else ()
        yield from (row for row in rows if isinstance(row, dict))
