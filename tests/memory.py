"""Memory of networks that a test no longer needs."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_memory_back() -> None:
    """Return what is no longer used to the system.

    The C library keeps freed blocks of some megabytes, such as feature maps, unless told otherwise.
    """
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
