"""Settings of the whole process that make frames cheaper."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

import cv2

# Numbers of the parameters in glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 32 << 20  # more glibc does not allow
_MAX_KEPT = 128 << 20


def settle_process() -> None:
    """Prepare this process for a stream; may be called again.

    Freed blocks as large as frames are kept: glibc gives them back to the system, which clears
    each page of the next frame anew. OpenCV gets a quarter of the cores: four of our own threads
    call it at a time, and on few cores its threads spend more time waiting than they save.
    """
    cv2.setNumThreads(max(1, (os.cpu_count() or 1) // 4))
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # only glibc has it
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK)
            mallopt(_TRIM_THRESHOLD, _MAX_KEPT)


@contextlib.contextmanager
def batch_work() -> Iterator[None]:
    """Within it this thread, and all threads and processes it starts, are batch work to Linux.

    They do not interrupt each other: all are busy all the time, and what each has in the
    processor's caches lasts longer. Whoever was started as something else than ordinary work
    stays that.
    """
    if not sys.platform.startswith("linux") or os.sched_getscheduler(0) != os.SCHED_OTHER:
        yield
        return
    nothing = os.sched_param(0)
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.sched_setscheduler(0, os.SCHED_BATCH, nothing)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER, nothing)
