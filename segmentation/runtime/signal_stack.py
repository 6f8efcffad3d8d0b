"""Keeps the stack that a thread's signals are handled on, which OpenVINO would replace."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """`stack_t` of Linux."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def same_signal_stack() -> Iterator[None]:
    """Give the thread back the stack for signals that it had before.

    The plugin for processors gives the thread that loads it one of 20 KB. Where processors have AMX
    a handler's registers take 12 KB of it, and two signals at once, as at the end of a session,
    would end the program with a segmentation fault. The thread's own stack is larger.
    """
    if sys.platform != "linux":
        yield
        return
    before = _Stack()
    sigaltstack = ctypes.CDLL(None).sigaltstack
    sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        sigaltstack(ctypes.byref(before), None)
