"""How frames are told apart in COCO's formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stream.frame import Frame, OutputInfo


class ImageIds:
    """Gives each frame the number that results, data sets and legends of it share.

    It is the number that is a photo's whole name, as COCO names its photos (000000397133.jpg),
    else the 0-based index of the frame. A photo whose number is already taken gets -1 minus its
    index.

    Args:
        info: of the outputs to come.
    """

    def __init__(self, info: OutputInfo) -> None:
        """Give no number yet."""
        self._has_times = info.stream.fps is not None
        self._taken: set[int] = set()

    def keys(self, frame: Frame) -> dict[str, Any]:
        """Return `image_id`; `file_name` of a photo; `time_s` of a frame of a video, in seconds."""
        keys: dict[str, Any] = {"image_id": frame.index}
        if frame.name is not None:
            keys = {"image_id": self._of_photo(frame.index, frame.name), "file_name": frame.name}
        if self._has_times:
            keys["time_s"] = round(frame.time_s, 6)
        return keys

    def _of_photo(self, index: int, name: str) -> int:
        stem = Path(name).stem
        number = int(stem) if stem.isascii() and stem.isdecimal() else index
        if number in self._taken:
            # below 0, where no photo's name can lead: two photos must not count as one
            number = -1 - index
        self._taken.add(number)
        return number
