"""What must not be left behind: threads and processes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import psutil


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """Every thread and process that is begun within has ended at the end."""
    threads, processes = set(threading.enumerate()), set(psutil.Process().children())
    yield
    assert set(threading.enumerate()) <= threads
    assert set(psutil.Process().children()) <= processes
