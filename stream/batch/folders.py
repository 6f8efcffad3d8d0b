"""Goes through folders for all files below them, and knows what of them it had to leave out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stream.stores.addresses import Place, below, identity
from stream.stores.file_state import FileState


@dataclass(frozen=True, slots=True)
class Unread:
    """A folder that cannot be read.

    Attributes:
        place: where it lies.
        error: that it cannot be read and why, in one line.
    """

    place: Place
    error: str


class Walk:
    """Goes through folders, one after the other."""

    def __init__(self) -> None:
        """Go nowhere yet."""
        self._gone: set[Place] = set()
        self._links: dict[Place, Path] = {}
        self._unread: dict[Place, Unread] = {}

    def files_in(self, folder: Place) -> Iterator[tuple[Place, FileState | None]]:
        """Yield all files in a folder and those below it, in order, but for hidden ones.

        Raises:
            StreamError: an object store cannot be asked.
        """
        if not isinstance(folder, Path):
            from stream.stores.objects import objects_below

            for found, state in objects_below(folder).items():
                names = below(found, folder).parts
                if not any(name.startswith(".") and name != ".." for name in names):
                    yield found, state
            return
        for name, folders, files in os.walk(folder, onerror=self._note_unread):
            self._gone.add(identity(Path(name)))
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            for path in (Path(name) / each for each in folders):
                if path.is_symlink():  # which may lead back to where it lies
                    self._links.setdefault(identity(path), path)
            for file in sorted(files):
                if not file.startswith("."):
                    yield Path(name) / file, None

    def links_besides(self, own: Place) -> list[Place]:
        """Return links to folders that no other name has led to, but for what is below `own`."""
        left = self._links.items()
        return [path for real, path in left if real not in self._gone and not _is_in(real, own)]

    def unread_besides(self, own: Place) -> list[Unread]:
        """Return folders that could not be read, but for what is below `own`."""
        return [each for real, each in self._unread.items() if not _is_in(real, own)]

    def _note_unread(self, error: OSError) -> None:
        place = Path(os.fsdecode(error.filename))
        why = f"{place}: cannot be read ({error.strerror or error}), and what is in it is left out"
        self._unread.setdefault(identity(place), Unread(place, why))


def _is_in(real: Place, own: Place) -> bool:
    return real == own or own in real.parents
