"""What is read: what a file system refuses becomes one line."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from stream.errors import StreamError


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what a file system refuses at `path` into one line of `StreamError`."""
    try:
        yield
    except OSError as error:
        raise StreamError(f"{path}: cannot be read ({error.strerror or error})") from error
