"""What may be written where, and files that are never there in part."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from segmentation.unfinished import PART, RECORDING, Unfinished, taken_over, unfinished_in
from stream.errors import StreamError


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Raise `StreamError` where `folder` is no folder, or holds files and must not be changed.

    Hidden files and folders that killed programs left in it are none that anybody sees.
    """
    try:
        if not folder.exists() or not any(folder.iterdir()) or overwrite:
            return
        parts = {**unfinished_in(folder, PART), **unfinished_in(folder, RECORDING)}
        taken = any(path not in parts for path in folder.iterdir())
    except OSError as error:
        raise StreamError(f"{folder}: cannot be a folder ({error.strerror})") from error
    if taken:
        raise StreamError(f"{folder}: not empty; name another folder, or add -y to replace")
    for part in parts:
        with taken_over(part) as is_left:
            if not is_left:
                raise StreamError(
                    f"{folder}: {part.name} in it is still being written, or not yours; "
                    "name another folder, or add -y"
                )


#: A file on its disk, by whatever name.
FileId = tuple[int, int]


def file_ids(paths: Sequence[Path]) -> frozenset[FileId]:
    """Return the files that there are of `paths`, to be looked for quickly among many."""
    found = set()
    for path in paths:
        with contextlib.suppress(OSError):
            status = path.stat()
            found.add((status.st_dev, status.st_ino))
    return frozenset(found)


def check_free(
    path: Path, *, overwrite: bool, input_paths: Sequence[Path] | frozenset[FileId]
) -> None:
    """Raise `StreamError` where writing `path` would destroy something or cannot work.

    Args:
        path: that is to be written.
        overwrite: what is there may be replaced.
        input_paths: but not these; their `file_ids` where they are many.
    """
    with writing(path):
        exists = path.exists()
    if exists:
        inputs = input_paths if isinstance(input_paths, frozenset) else file_ids(input_paths)
        if file_ids([path]) & inputs:
            raise StreamError(f"{path}: is the input; name another output")
    if path.is_dir():
        raise StreamError(f"{path}: is a folder; end it with / to write into it")
    if exists and not overwrite:
        text = f"{path}: exists; name another output, or add -y to replace it"
        raise StreamError(text) from FileExistsError(errno.EEXIST, "exists", str(path))
    if not path.parent.is_dir() and not path.parent == path:
        raise StreamError(f"{path}: there is no folder {path.parent}; make it first")


def save(
    data: bytes,
    path: Path,
    *,
    is_private: bool = False,
    replaces: bool = True,
    wanted: Collection[Path] | None = (),
) -> Path:
    """Write `data` so that `path` is never there in part; nobody else may read it if `is_private`.

    Args:
        data: all of it.
        path: of the file.
        is_private: see above.
        replaces: what has the name; see `Unfinished`, likewise `wanted`.
        wanted: names of others.

    Returns:
        `path`, or the name beside it that the file has got.

    Raises:
        StreamError: the disk is full, or the folder cannot be written to.
    """
    with writing(path):
        part = Unfinished(path, replaces=replaces, wanted=wanted)
        asked = part.target
        try:
            part.hold(is_private=is_private)
            part.path.write_bytes(data)
            part.finish()
        finally:
            part.discard()
    return path if part.target == asked else part.target


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and those it lies in; returns the ones that were not there, innermost first.

    Raises:
        StreamError: it cannot be made.
    """
    with writing(folder):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    return missing


def delete_empty(folders: Sequence[Path]) -> None:
    """Delete folders, in that order, as long as there is nothing in them."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()  # which a full one does not let happen


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what a file system refuses at `path` into one line of `StreamError`."""
    try:
        yield
    except OSError as error:
        raise StreamError(f"{path}: cannot be written ({error.strerror or error})") from error
