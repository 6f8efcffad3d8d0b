"""Names of files in a folder: those of photos, each once, or numbers."""

from __future__ import annotations

from pathlib import Path

from segmentation.unfinished import MAX_NAME_BYTES, shortened
from stream.frame import Frame


class PhotoNames:
    """Gives each frame a name of its own: that of its photo, or `NNNNNN`, its number.

    Photos that share a name, also where only the case differs, which some disks do not tell apart,
    differ in the number added to it. A name that is too long is cut. All frames have photos, or
    none has.

    Args:
        num_bytes: that follow the name in those of files, their ending included.
    """

    def __init__(self, num_bytes: int) -> None:
        """Give no name yet."""
        self._room = MAX_NAME_BYTES - num_bytes
        self._taken: set[str] = set()  # by photos; numbers do not come again, and never end

    def name(self, frame: Frame) -> str:
        """Return a name, without an ending, that was not given before."""
        number = f"{frame.index:06d}"
        if frame.name is None:
            return number
        name = shortened(Path(frame.name).stem, self._room)
        while name.casefold() in self._taken:
            name = f"{shortened(name, self._room - len(number) - 1)}_{number}"
        self._taken.add(name.casefold())
        return name
