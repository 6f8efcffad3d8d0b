"""Files that were to go to a store and could not: out of the scratch folder, never deleted."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from segmentation.unfinished import unfinished

_PREFIX = "maskcast-"  # of the folder that each comes into


def moved_home(here: Path) -> Path | None:
    """Rename a file into the current folder, or the user's, which takes no time.

    Returns:
        Where it lies, `None` where that is on another disk, or cannot be written to.
    """
    for folder in _homes():
        with contextlib.suppress(OSError):
            return _renamed(here, folder)
    return None


def set_aside(here: Path) -> Path:
    """Take a file out of the scratch folder on its own disk; returns where it lies.

    That takes neither time nor room. Where even that cannot be done, it stays.

    Args:
        here: in a folder of its own, which goes along.
    """
    folder = Path(tempfile.gettempdir()) / f"{_PREFIX}{secrets.token_hex(4)}"
    with contextlib.suppress(OSError):
        os.rename(here.parent, folder)
        return folder / here.name
    return here


def copied_home(at: Path) -> Path | None:
    """Copy a file likewise, to where a copy has its name once it is whole.

    Returns:
        Where the copy lies, `None` where there is no room for one.
    """
    for folder in _homes():
        with contextlib.suppress(OSError), _new_folder(folder) as home:
            with unfinished(home / at.name) as part:
                shutil.copyfile(at, part)
            return home / at.name
    return None


def _renamed(here: Path, folder: Path) -> Path:
    with _new_folder(folder) as home:
        os.rename(here, home / here.name)
        return home / here.name


@contextlib.contextmanager
def _new_folder(parent: Path) -> Iterator[Path]:
    """Make a folder, which is gone again where nothing came into it."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):  # a full one does not let that happen
            os.rmdir(folder)


def _homes() -> Iterator[Path]:
    for home in (Path.cwd, Path.home):
        with contextlib.suppress(OSError, RuntimeError):  # it was deleted; there is none
            yield home()
