"""A photo behind or before a person that is read anew when its file changes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from effects.effect import Pixels
from stream.errors import StreamError
from stream.files.photos import read_photo

Image = NDArray[np.uint8]
#: What tells a file from the one before it under its name.
State = tuple[int, int, int]

#: Between two looks at the file.
LOOK_S = 1.0
#: Looks at a file that cannot be read until that is told: it may be on its way.
NUM_TRIES = 5
#: How long a look may still take when nobody wants it any more.
PATIENCE_S = 0.2


class WatchedPhoto:
    """`effects.background.replace.ColouredBackground` of a photo.

    Args:
        path: of the photo.
        photo: what is in it now, (h, w, 3) uint8 RGB, or as `read` gives it.
        on_message: told, in one line, that it was read anew, or that it has changed and cannot be
            read, and what is not shown as it is.
        read: reads it; raises `StreamError` where it cannot.

    Attributes:
        photo: what was in it when it was read last. Never written to.
    """

    def __init__(
        self,
        path: Path,
        photo: Image,
        on_message: Callable[[str], None],
        read: Callable[[Path, Callable[[str], None]], Image] = read_photo,
    ) -> None:
        """Take the photo as it is."""
        self._path, self._on_message, self._read = path, on_message, read
        self.photo = read_only(photo)
        self._state = _state(path)
        self._num_tries = 0
        self._is_over = threading.Event()

    def __call__(self, time_s: float, size_hw: tuple[int, int]) -> Image:
        """Return the photo."""
        return self.photo

    def in_colours(
        self, convert: Callable[[Image], Pixels]
    ) -> Callable[[float, tuple[int, int]], Pixels]:
        """Return it for frames of other colours; see `ColouredBackground`."""
        converted = _Converted(convert)
        return lambda time_s, size_hw: converted.of(self.photo)

    def watch(self, opened: contextlib.ExitStack) -> None:
        """Look at the file again and again, from a thread that ends with `opened`.

        A disk that does not answer holds up no frame.
        """
        thread = threading.Thread(target=self._look_again, name=f"watch {self._path}", daemon=True)
        thread.start()

        def end() -> None:
            self._is_over.set()
            thread.join(PATIENCE_S)

        opened.callback(end)

    def _look_again(self) -> None:
        while not self._is_over.wait(LOOK_S):
            state = _state(self._path)
            if state is None or state == self._state:
                continue
            remarks: list[str] = []
            try:
                self.photo = read_only(self._read(self._path, remarks.append))
            except StreamError as error:
                self._fail(state, error)
                continue
            self._state, self._num_tries = state, 0
            for line in [f"{self._path}: has changed and is shown", *remarks]:
                self._on_message(line)

    def _fail(self, state: State, error: StreamError) -> None:
        """Try again; after some times say so, and wait until the file changes once more."""
        self._num_tries += 1
        if self._num_tries == NUM_TRIES:
            self._state, self._num_tries = state, 0
            self._on_message(f"{error}; what it was before stays")


class _Converted:
    """The last photo asked for in other colours."""

    def __init__(self, convert: Callable[[Image], Pixels]) -> None:
        self._convert = convert
        self._photo: Image | None = None
        self._converted: Pixels = np.zeros((0, 0, 3), np.uint8)

    def of(self, photo: Image) -> Pixels:
        if photo is not self._photo:
            self._photo, self._converted = photo, read_only(self._convert(photo))
        return self._converted


def read_only(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image that nobody can write to, by which it is known that it stays as it is."""
    image.flags.writeable = False
    return image


def _state(path: Path) -> State | None:
    """Return what tells this file from another one, `None` where there is none at the moment."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
