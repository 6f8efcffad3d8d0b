"""Whole files, from a store to this machine's disk and back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream.errors import StreamError
from stream.files.disk_space import RESERVE_BYTES
from stream.stores.addresses import kind_of
from stream.stores.failures import tried
from stream.stores.file_state import FileState
from stream.stores.objects import into_bucket, state_of

if TYPE_CHECKING:
    from upath import UPath


def fetch(
    place: UPath, path: Path, on_progress: Callable[[int, int], None] = lambda done, of: None
) -> FileState:
    """Bring an object to the disk; returns what it was.

    Args:
        place: of the object.
        path: of the file to be.
        on_progress: called now and then with how many bytes there are, and of how many.

    Raises:
        FileNotFoundError: there is no such object.
        StreamError: it cannot be had whole, or the disk has no room for it.
    """

    def get() -> FileState:
        before = state_of(place)
        _check_room(before.num_bytes, place, path)
        place.fs.get_file(place.path, str(path), **_options(place, on_progress))
        if before.num_bytes != path.stat().st_size:
            raise OSError("it came in part")
        if state_of(place) != before:
            raise OSError("it was replaced meanwhile")
        return before

    return tried(get, place, "cannot be fetched")


def put(
    path: Path, place: UPath, on_progress: Callable[[int, int], None] = lambda done, of: None
) -> FileState:
    """Send a file to a store, where it has its name once it is whole; returns what it is there.

    Args:
        path: of the file.
        place: where it goes, in place of what is there.
        on_progress: see `fetch`.

    Raises:
        StreamError: it cannot be sent.
    """

    def send() -> FileState:
        place.fs.put_file(str(path), place.path, **_options(place, on_progress))
        state = state_of(place)
        if state.num_bytes != path.stat().st_size:
            raise OSError("it arrived in part")
        return state

    with into_bucket(place):
        return tried(send, place, "cannot be written")


def _check_room(num_bytes: int, place: UPath, path: Path) -> None:
    free = shutil.disk_usage(path.parent).free
    if num_bytes > free - min(RESERVE_BYTES, free // 2):
        raise StreamError(
            f"{place}: has {num_bytes / 1e9:.1f} GB, and {path.parent} has room for "
            f"{free / 1e9:.1f} GB; set TMPDIR to a folder on a larger disk"
        )


def _options(place: UPath, on_progress: Callable[[int, int], None]) -> dict[str, Any]:
    from fsspec.callbacks import Callback

    class Progress(Callback):  # type: ignore[misc]
        def call(self, *arguments: object, **values: object) -> None:
            on_progress(int(self.value), int(self.size or 0))

    kind = kind_of(place)
    return {"callback": Progress(), **({} if kind is None else kind.transfer)}
