"""A photo behind a person that is read anew when its file changes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from effects.effect import Pixels
from effects.background.replace import cover
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
    """`effects.background.replace.ColouredBackground` of a photo, at the size last asked for.

    Args:
        path: of the photo.
        photo: what is in it now, (h, w, 3) uint8 RGB.
        on_message: told, in one line, that it was read anew, or that it has changed and cannot be
            read, and what is not shown as it is.
    """

    def __init__(self, path: Path, photo: Image, on_message: Callable[[str], None]) -> None:
        """Take the photo as it is."""
        self._path, self._on_message = path, on_message
        self._photo = photo
        self._fitted = _Fitted(lambda image: image)
        self._state = _state(path)
        self._num_tries = 0
        self._is_over = threading.Event()

    def __call__(self, time_s: float, size_hw: tuple[int, int]) -> Image:
        """Return the photo, made to cover a frame of that size."""
        return np.asarray(self._fitted.of(self._photo, size_hw), np.uint8)

    def in_colours(
        self, convert: Callable[[Image], Pixels]
    ) -> Callable[[float, tuple[int, int]], Pixels]:
        """Return it for frames of other colours; see `ColouredBackground`."""
        fitted = _Fitted(convert)
        return lambda time_s, size_hw: fitted.of(self._photo, size_hw)

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
                self._photo = read_photo(self._path, remarks.append)
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


class _Fitted:
    """The last photo asked for in other colours, at the size last asked for."""

    def __init__(self, convert: Callable[[Image], Pixels]) -> None:
        self._convert = convert
        self._photo: Image | None = None
        self._fitted: Pixels = np.zeros((0, 0, 3), np.uint8)

    def of(self, photo: Image, size_hw: tuple[int, int]) -> Pixels:
        if photo is not self._photo or self._fitted.shape[:2] != size_hw:
            self._photo, self._fitted = photo, cover(self._convert(photo), size_hw)
        return self._fitted


def _state(path: Path) -> State | None:
    """Return what tells this file from another one, `None` where there is none at the moment."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
