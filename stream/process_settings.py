"""Settings of the whole process that make frames cheaper."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
from collections.abc import Iterator

import cv2

from segmentation.processors import num_processors

# Numbers of the parameters in glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 32 << 20  # more glibc does not allow
_MAX_KEPT = 128 << 20
# The system call by the processor's name; from linux/sched/types.h: up to 100 ms are granted.
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_LONGEST_SLICE_NS = 100_000_000
#: In numpy's own packages, and where a system's OpenBLAS is used.
_SET_BLAS_THREADS = (
    "scipy_openblas_set_num_threads64_",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
)


def settle_process() -> None:
    """Prepare this process for a stream; may be called again.

    Freed blocks as large as frames are kept: glibc gives them back to the system, which clears
    each page of the next frame anew. OpenCV gets a quarter of the cores: four of our own threads
    call it at a time, and on few cores its threads spend more time waiting than they save. numpy's
    products are small here and get no threads at all: those that wait for them keep spinning, on
    two cores for a third of the time that a frame has. `run.py` sees to that before numpy comes.
    """
    cv2.setNumThreads(max(1, num_processors() // 4))
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        _multiply_in_one_thread()
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # only glibc has it
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK)
            mallopt(_TRIM_THRESHOLD, _MAX_KEPT)


def _multiply_in_one_thread() -> None:
    """Let numpy's matrix products use the thread that asks for them alone."""
    numpys = sys.modules.get("numpy._core._multiarray_umath")
    if numpys is None or numpys.__file__ is None:
        return
    library = ctypes.CDLL(numpys.__file__)  # through it its OpenBLAS is found, where it has one
    for name in _SET_BLAS_THREADS:
        set_threads = getattr(library, name, None)
        if set_threads is not None:
            set_threads(1)
            return


@contextlib.contextmanager
def batch_work() -> Iterator[None]:
    """Within it this thread, and all threads and processes it starts, are batch work to Linux.

    They do not interrupt each other, and run for as long at a time as the system allows: all are
    busy all the time, and what each has in the processor's caches lasts longer. Whoever was
    started as something else than ordinary work stays that.
    """
    if not sys.platform.startswith("linux") or os.sched_getscheduler(0) != os.SCHED_OTHER:
        yield
        return
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        _become(os.SCHED_BATCH, _LONGEST_SLICE_NS)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            _become(os.SCHED_OTHER, 0)


class _Attributes(ctypes.Structure):
    """`struct sched_attr`, see sched_setattr(2)."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def _become(policy: int, slice_ns: int) -> None:
    """Make this thread another kind of work, with slices of time so long, 0 for the usual ones.

    Neither Python nor most C libraries have a function for slices, and before 6.12 Linux has one
    length of them for all.
    """
    os.sched_setscheduler(0, policy, os.sched_param(0))
    number = _SCHED_SETATTR.get(platform.machine())
    if number is not None:
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        wanted = _Attributes(ctypes.sizeof(_Attributes), policy, 0, nice, 0, slice_ns)
        ctypes.CDLL(None).syscall(number, 0, ctypes.byref(wanted), 0)
