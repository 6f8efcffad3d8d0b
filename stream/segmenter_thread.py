"""The thread a network runs in when it may take longer than a frame."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")
#: How long the end of a run waits for the network, which cannot be interrupted.
MAX_WAIT_S = 15.0


class Call(Generic[T]):
    """One call that somebody waits for, unless they cancel it before it begins.

    Args:
        work: what is called.

    Attributes:
        future: what it returns or raises.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        """Call nothing yet."""
        self.future: Future[T] = Future()
        self._work = work

    def __call__(self) -> None:
        """Do it, in this thread; raises nothing."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self._work())
        except BaseException as error:
            self.future.set_exception(error)


class SegmenterThread(Executor):
    """Runs one call after another in a thread that does not keep the program from ending.

    The executors of the standard library are joined without a limit when the interpreter ends; a
    network that hangs would hang the program with it.
    """

    def __init__(self) -> None:
        """Start the thread; it waits for work."""
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Call `fn` when what was submitted before is done; see `Executor.submit`."""
        call = Call(partial(fn, *args, **kwargs))
        self._work.put(call)
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the thread after the call it is in, for which it waits `MAX_WAIT_S` at most."""
        self._work.put(None)
        if wait:
            self._thread.join(MAX_WAIT_S)

    def _run(self) -> None:
        while (call := self._work.get()) is not None:
            call()
