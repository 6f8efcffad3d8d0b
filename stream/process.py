"""Settings of the whole process that make frames cheaper."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

import cv2

# Numbers of the parameters in glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 32 << 20  # more glibc does not allow
_MAX_KEPT = 128 << 20


def settle_process(*, live: bool) -> None:
    """Prepare this process for a stream; may be called again.

    Where nothing is live, the calling thread and all threads and processes it starts from now on
    are batch work to Linux: they wait for each other without interrupting each other. All of
    them are busy all the time, and what each has in the processor's caches lasts longer.

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
    if not live and sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
