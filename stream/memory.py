"""Freed frames are kept for the frames to come."""

from __future__ import annotations

import ctypes
import sys

# Numbers of the parameters in glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 32 << 20  # more glibc does not allow
_MAX_KEPT = 128 << 20


def keep_freed_memory() -> None:
    """Let the process keep blocks as large as frames when they are freed.

    glibc gives them back to the system, which clears each page of the next frame anew: about as
    much work as converting its colours. Other systems than Linux with glibc are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK)
        mallopt(_TRIM_THRESHOLD, _MAX_KEPT)
