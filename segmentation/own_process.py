"""Processes of Python: how they are started, and what they do first."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker

#: Which reach all processes that belong together, and of which one decides what they mean.
CTRL_C = frozenset({signal.SIGINT})
#: Those of a terminal that closes, of `timeout` and of service managers as well. A process that
#: leaves all of them to its parent cannot be ended by `Process.terminate`.
ALL_ENDING = CTRL_C | {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}


@contextlib.contextmanager
def starting(left: frozenset[signal.Signals] = CTRL_C) -> Iterator[None]:
    """Keep signals from the processes that are started in this block, until they `follow_parent`.

    In the middle of their imports they would answer Ctrl-C with a traceback each.

    Args:
        left: the signals, those of `follow_parent`.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # or it starts with the first process, and lets signals pass
    before = signal.pthread_sigmask(signal.SIG_BLOCK, left)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def follow_parent(left: frozenset[signal.Signals] = CTRL_C) -> None:
    """Let this process end when the one that started it has ended, however that was.

    Args:
        left: signals that are left to that one, which says what they mean.
    """
    for number in left:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):  # what it starts itself may need to hear them
        signal.pthread_sigmask(signal.SIG_UNBLOCK, left)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
