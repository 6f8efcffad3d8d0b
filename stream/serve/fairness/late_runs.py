"""The runs of one visitor in a network's thread that all share: one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, TypeVar

from stream.segmenter_thread import Call

T = TypeVar("T")


class LateRuns(Executor):
    """Lets one run of a visitor be in the thread, or in its queue; the newest after it waits here.

    So whoever begins anew all the time gets no more runs than others who do not, and the queue is
    as long as there are visitors at most.

    Args:
        thread: that all share; it runs one call after another.
    """

    def __init__(self, thread: Executor) -> None:
        """Begin with nothing to run."""
        self._thread = thread
        self._lock = threading.Lock()
        self._next: Call[Any] | None = None
        self._is_in_line = False  # the thread has, or will come to, a `_run` of this visitor
        self._is_over = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Call `fn` when it is this visitor's turn, in place of what has not begun by now.

        Returns:
            As `Executor.submit`; it is cancelled as soon as something newer comes.
        """
        call = Call(partial(fn, *args, **kwargs))
        with self._lock:
            if self._is_over:
                call.future.cancel()
                return call.future
            replaced, self._next = self._next, call
            is_first, self._is_in_line = not self._is_in_line, True
        if replaced is not None:
            replaced.future.cancel()
        if is_first:
            self._thread.submit(self._run)
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Run nothing more, and cancel what has not begun; the thread itself goes on."""
        with self._lock:
            self._is_over = True
            waiting, self._next = self._next, None
        if waiting is not None:
            waiting.future.cancel()

    def _run(self) -> None:
        with self._lock:
            call, self._next = self._next, None
        if call is not None:
            call()
        with self._lock:
            self._is_in_line = self._next is not None
            is_next = self._is_in_line
        if is_next:  # behind those of others
            self._thread.submit(self._run)
