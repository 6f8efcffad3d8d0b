"""The part of a HEIC or AVIF that is to be seen; libheif pads odd sizes and says so with it.

Sources: ISO/IEC 14496-12 (12.1.4, `clap`), 23008-12 (6.5.9 to 6.5.12) and 23000-22 (7.3.6.7: the
clean aperture is of the picture as it is stored, which is turned and then mirrored).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CleanAperture:
    """A part of a picture.

    Attributes:
        stored_wh: of the whole picture as it is stored, in pixels.
        left: of the part, in pixels of the same, 0 or more.
        top: likewise.
        width: likewise, 1 or more.
        height: likewise.
        quarter_turns: anticlockwise, that a reader makes.
        mirrored: thereafter, `None` where it is not.
    """

    stored_wh: tuple[int, int]
    left: int
    top: int
    width: int
    height: int
    quarter_turns: int = 0
    mirrored: Literal["upside down", "left to right"] | None = None

    def of(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return the part of (H, W, ...) pixels that are the right way up already.

        Those of another size than the whole picture has are returned as they are.
        """
        stored = np.rot90(self._mirror(pixels), -self.quarter_turns)
        if stored.shape[1::-1] != self.stored_wh:
            return pixels
        part = stored[self.top :, self.left :][: self.height, : self.width]
        return np.ascontiguousarray(self._mirror(np.rot90(part, self.quarter_turns)))

    def _mirror(self, pixels: NDArray[Any]) -> NDArray[Any]:
        if self.mirrored is None:
            return pixels
        return pixels[::-1] if self.mirrored == "upside down" else pixels[:, ::-1]


def clean_aperture(properties: list[tuple[bytes, bytes]]) -> CleanAperture | None:
    """Return what the properties of one picture, each a box's name and body, say of it.

    Returns:
        `None` where all of the picture is to be seen, or what they say makes no sense.

    Raises:
        struct.error, IndexError: a box breaks off.
    """
    boxes = dict(properties)
    if b"clap" not in boxes or b"ispe" not in boxes:
        return None
    width, height = struct.unpack_from(">II", boxes[b"ispe"], 4)
    numbers = struct.unpack_from(">IIIIiIiI", boxes[b"clap"])
    if not all(numbers[1::2]):
        return None
    # by its size and how far its centre lies from that of the whole
    wide, high, right, down = (
        above / below for above, below in zip(numbers[::2], numbers[1::2], strict=True)
    )
    left, top = round(right + (width - wide) / 2), round(down + (height - high) / 2)
    wide, high = round(wide), round(high)
    if min(left, top) < 0 or min(wide, high) < 1 or left + wide > width or top + high > height:
        return None
    turns = boxes[b"irot"][0] & 3 if b"irot" in boxes else 0
    mirrored: Literal["upside down", "left to right"] | None = None
    if b"imir" in boxes:
        mirrored = "left to right" if boxes[b"imir"][0] & 1 else "upside down"
    return CleanAperture((width, height), left, top, wide, high, turns, mirrored)
