"""What may be written where, and files that are never there in part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from stream.errors import StreamError


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Raise `StreamError` where `folder` is no folder, or holds files and must not be changed."""
    try:
        taken = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise StreamError(f"{folder}: cannot be a folder ({error.strerror})") from error
    if taken and not overwrite:
        raise StreamError(f"{folder}: not empty; name another folder, or add -y to replace")


def check_free(path: Path, *, overwrite: bool, input_paths: Sequence[Path]) -> None:
    """Raise `StreamError` where writing `path` would destroy something or cannot work."""
    try:
        path.exists()
    except OSError as error:
        raise StreamError(f"{path}: cannot be written ({error.strerror})") from error
    if any(path.exists() and other.exists() and path.samefile(other) for other in input_paths):
        raise StreamError(f"{path}: is the input; name another output")
    if path.is_dir():
        raise StreamError(f"{path}: is a folder; end it with / to write into it")
    if path.exists() and not overwrite:
        raise StreamError(f"{path}: exists; name another output, or add -y to replace it")
    if not path.parent.is_dir() and not path.parent == path:
        raise StreamError(f"{path}: there is no folder {path.parent}; make it first")


def save(data: bytes, path: Path) -> None:
    """Write `data` so that `path` is never there in part.

    Raises:
        StreamError: the disk is full, or the folder cannot be written to.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        raise StreamError(f"{path}: cannot be written ({error.strerror})") from error
    finally:  # also where Ctrl-C came
        part.unlink(missing_ok=True)
