"""What the writers of animations have in common."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Value = TypeVar("Value", np.uint8, np.bool_)


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a picture, in pixels."""

    x: int
    y: int
    width: int
    height: int

    def of(self, image: NDArray[Value]) -> NDArray[Value]:
        """Return that part of (H, W, ...)."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]


def box_around(marked: NDArray[np.bool_], *, even: bool = False) -> Box:
    """Return the smallest box around what is marked in (H, W); around nothing, one of a pixel.

    Args:
        marked: pixels.
        even: x and y are even.
    """
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    if not rows.size:
        return Box(0, 0, 1, 1)
    x, y = int(columns[0]), int(rows[0])
    if even:
        x, y = x // 2 * 2, y // 2 * 2
    return Box(x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y)


class AnimationWriter(ABC):
    """Writes the frames of an animation that plays again and again; remembers the last one only.

    Args:
        file: at its beginning, which can be written, and again when it is complete.
        size_hw: height and width of the frames.
        has_alpha: frames have a fourth channel.
        crf: constant rate factor in x264's scale, where there is a choice.

    Attributes:
        num_bytes: length of the file with all frames that are whole.
    """

    #: in seconds, the unit that frames are shown for
    tick_s: float
    #: shown for less, browsers show them for a tenth of a second
    least_ticks: int
    #: the most that a frame can be shown for
    most_ticks: int

    def __init__(
        self, file: BinaryIO, size_hw: tuple[int, int], *, has_alpha: bool, crf: int
    ) -> None:
        """Write what is before the first frame."""
        self._file, self._size_hw = file, size_hw
        self._has_alpha, self._crf = has_alpha, crf
        self._num_frames = 0
        self._last: Image | None = None
        self._begin()
        self.num_bytes = file.tell()

    def add(self, image: Image, ticks: int) -> None:
        """Write a frame.

        Args:
            image: (H, W, 3) uint8 RGB, or (H, W, 4) with straight alpha.
            ticks: it is shown for so many, at least 1.

        Raises:
            OSError: it cannot be written.
        """
        self._write(image, min(ticks, self.most_ticks))
        self._file.flush()
        self._num_frames += 1
        self.num_bytes = self._file.tell()
        self._write_length()
        self._file.flush()

    def continue_in(self, file: BinaryIO) -> None:
        """Go on in a file that was opened anew, after its frames that are whole."""
        self._file = file

    @abstractmethod
    def finish(self) -> None:
        """Complete the file, which has a frame.

        Raises:
            OSError: it cannot be written.
        """

    def _write_at(self, position: int, data: bytes) -> None:
        """Write in the place of what is there, and go on at the end."""
        self._file.seek(position)
        self._file.write(data)
        self._file.seek(0, os.SEEK_END)

    def _write_length(self) -> None:
        """Say, where the format wants it, how much there is: a file that breaks off can be read."""
        return

    @abstractmethod
    def _begin(self) -> None:
        """Write what is before the first frame."""

    @abstractmethod
    def _write(self, image: Image, ticks: int) -> None:
        """Write a frame."""


class ChangesWriter(AnimationWriter):
    """Writes of each frame the box in which it differs from the one before, as it is."""

    _even = False

    def _write(self, image: Image, ticks: int) -> None:
        if self._last is None:
            box = Box(0, 0, self._size_hw[1], self._size_hw[0])
        else:
            box = box_around((image != self._last).any(axis=2), even=self._even)
        self._write_box(box.of(image), box, ticks)
        self._last = image.copy()

    @abstractmethod
    def _write_box(self, part: Image, box: Box, ticks: int) -> None:
        """Write a part of a frame, which takes the place of what was there."""
