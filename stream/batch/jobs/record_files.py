"""Where records lie: on a disk or in an object store, beside the outputs."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from segmentation.unfinished import PART, discard_if_left, unfinished_in
from stream.errors import StreamError
from stream.files.outputs import make_folder, save, writing
from stream.stores.addresses import Place, below

if TYPE_CHECKING:
    from upath import UPath


class RecordFiles(ABC):
    """Small files by names of the form "ab/abcdef.json", each there whole or not at all."""

    @abstractmethod
    def read_all(self) -> Iterator[tuple[str, bytes]]:
        """Yield the names and what is in each, but for those that cannot be read."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return what is in one.

        Raises:
            OSError: it is not there, or cannot be read.
        """

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Write one; it stays when this returns, whatever happens.

        Raises:
            StreamError: it cannot be written.
        """

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete one, if it is there and can be deleted."""

    def clear_up(self) -> None:
        """Delete what killed programs left."""
        return None

    def remove_if_empty(self) -> None:
        """Delete the folder of all, and the one above, where nothing is in them."""
        return None


def record_files(home: Place) -> RecordFiles:
    """Return the files in a folder."""
    return FilesOnDisk(home) if isinstance(home, Path) else FilesInStore(home)


class FilesOnDisk(RecordFiles):
    """On a disk, or a file system of a network.

    Args:
        home: their folder.
    """

    def __init__(self, home: Path) -> None:
        """Read nothing yet."""
        self._home = home

    def read_all(self) -> Iterator[tuple[str, bytes]]:
        """See `RecordFiles`."""
        for path in self._paths():
            with contextlib.suppress(OSError):
                yield f"{path.parent.name}/{path.name}", path.read_bytes()

    def read(self, name: str) -> bytes:
        """See `RecordFiles`."""
        return (self._home / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """See `RecordFiles`."""
        path = self._home / name
        with writing(path):
            is_there = path.parent.is_dir()
        if not is_there:
            make_folder(path.parent)
        save(data, path)

    def delete(self, name: str) -> None:
        """See `RecordFiles`."""
        with contextlib.suppress(OSError):
            (self._home / name).unlink(missing_ok=True)

    def clear_up(self) -> None:
        """See `RecordFiles`."""
        for folder in {path.parent for path in self._paths(hidden=True)}:
            with contextlib.suppress(OSError):
                for part in unfinished_in(folder, PART):
                    discard_if_left(part)

    def remove_if_empty(self) -> None:
        """See `RecordFiles`."""
        with contextlib.suppress(OSError):
            for folder in list(self._home.iterdir()):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            self._home.rmdir()
            self._home.parent.rmdir()

    def _paths(self, *, hidden: bool = False) -> Iterator[Path]:
        with contextlib.suppress(OSError):
            for folder in os.scandir(self._home):
                for entry in os.scandir(folder.path):
                    if entry.name.startswith(".") == hidden:
                        yield Path(entry.path)


class FilesInStore(RecordFiles):
    """In an object store, which has neither folders nor halves of objects.

    Args:
        home: what their names begin with.
    """

    def __init__(self, home: UPath) -> None:
        """Read nothing yet."""
        self._home = home

    def read_all(self) -> Iterator[tuple[str, bytes]]:
        """See `RecordFiles`."""
        from stream.stores.objects import objects_below, read_all

        for place, data in read_all(list(objects_below(self._home))):
            yield below(place, self._home).as_posix(), data

    def read(self, name: str) -> bytes:
        """See `RecordFiles`."""
        from stream.stores.objects import read

        return read(self._home / name)

    def write(self, name: str, data: bytes) -> None:
        """See `RecordFiles`."""
        from stream.stores.objects import write

        write(data, self._home / name)

    def delete(self, name: str) -> None:
        """See `RecordFiles`."""
        from stream.stores.objects import delete

        with contextlib.suppress(StreamError):
            delete(self._home / name)
