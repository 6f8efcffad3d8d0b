"""Memory of networks that a test no longer needs, and how much of it a call takes."""

from __future__ import annotations

import ctypes
import gc
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any


def give_memory_back() -> None:
    """Return what is no longer used to the system.

    The C library keeps freed blocks of some megabytes, such as feature maps, unless told otherwise.
    """
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def peak(call: Callable[[], Any]) -> tuple[Any, int]:
    """Return what a call returns, and the most memory in bytes that it took."""
    tracemalloc.start()
    try:
        found = call()
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
