"""A folder of files of what will not come again, on its way to its name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

#: What a file is called until it is whole: one at a time in each folder.
HALF = ".half"


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, which becomes `path` if the block ends well, and is deleted if not.

    Raises:
        OSError: it cannot get its name.
    """
    half = path.with_name(HALF)
    try:
        yield half
        half.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise


def num_files(folder: Path) -> int:
    """Return how many whole files there are in a folder, and in those it holds."""
    return sum(is_whole for _, is_whole in _files(folder))


def without_halves(folder: Path) -> int:
    """Delete what is not whole in a folder; returns how many files remain.

    Raises:
        OSError: something cannot be deleted.
    """
    num = 0
    for path, is_whole in list(_files(folder)):
        if not is_whole:
            path.unlink()
        num += is_whole
    return num


def _files(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield each file, and whether it is whole.

    An empty one is what a power failure leaves of one that was not on the disk yet.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.name != HALF and path.stat().st_size > 0
