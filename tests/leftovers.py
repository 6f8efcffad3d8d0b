"""What must not be left behind: threads and processes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """Every thread and process that is begun within has ended at the end."""
    threads, processes = set(threading.enumerate()), children()
    yield
    assert set(threading.enumerate()) <= threads
    assert children() <= processes


def children() -> set[str]:
    """Return the numbers of this process's children; to look at all processes takes longer."""
    children: set[str] = set()
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            children.update((thread / "children").read_text().split())
    return children
