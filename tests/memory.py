"""Memory of networks that a test no longer needs, and how much of it a call takes."""

from __future__ import annotations

import ctypes
import gc
import sys
import tracemalloc
import weakref
from collections.abc import Callable, Sequence
from typing import Any


def give_memory_back() -> None:
    """Return what is no longer used to the system.

    The C library keeps freed blocks of some megabytes, such as feature maps, unless told otherwise.
    """
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def survivors(make: Callable[[], Sequence[Any]]) -> list[Any]:
    """Return which of the objects that are made live on when nobody has them any longer.

    Those in circles of references do, until the garbage collector comes, which counts objects and
    not the megabytes that they hold.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        left = [weakref.ref(each) for each in make()]
        return [found for each in left if (found := each()) is not None]
    finally:
        if was_on:
            gc.enable()


def peak(call: Callable[[], Any]) -> tuple[Any, int]:
    """Return what a call returns, and the most memory in bytes that it took."""
    tracemalloc.start()
    try:
        found = call()
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
