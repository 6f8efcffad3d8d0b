"""What libraries print of their own, past Python: kept off the terminal, and read."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO

_lock = threading.Lock()


@contextlib.contextmanager
def taken(beginnings: tuple[bytes, ...]) -> Iterator[list[str]]:
    """Give a list, which afterwards holds what was printed to standard error within the block.

    One block at a time. What other threads print meanwhile is printed afterwards.

    Args:
        beginnings: of the lines that are taken.
    """
    lines: list[str] = []
    with _lock, tempfile.TemporaryFile() as file:
        with _into(file):
            yield lines
        file.seek(0)
        for line in file:
            if line.startswith(beginnings):
                lines.append(line.decode(errors="replace").rstrip())
            else:
                os.write(2, line)


@contextlib.contextmanager
def _into(file: BinaryIO) -> Iterator[None]:
    """Let what is printed to standard error within the block go into a file."""
    try:
        terminal = os.dup(2)
    except OSError:  # there is none, as in a program without a terminal
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
