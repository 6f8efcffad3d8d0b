"""Files on disk that are not whole yet, and what the disk may say."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segmentation.errors import WeightsError


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what a file system refuses at `path` into one line of `WeightsError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WeightsError(
                f"{path}: the disk is full; make room or name another folder in MASKCAST_WEIGHTS"
            ) from error
        raise WeightsError(
            f"{path}: cannot be written ({error.strerror or error}); "
            "name another folder in MASKCAST_WEIGHTS"
        ) from error


def version_file(part: Path) -> Path:
    """Return the file beside `part` that tells which version of the file it is a part of."""
    return part.with_name(part.name + ".json")


def discard(part: Path) -> None:
    """Remove a part and what was noted about it."""
    version_file(part).unlink(missing_ok=True)
    part.unlink(missing_ok=True)
