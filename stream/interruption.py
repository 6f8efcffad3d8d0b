"""Ctrl-C, `kill` and a closed terminal: they end a stream, and its outputs are completed."""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Any, Self


class Interruption:
    """While entered, the first of these signals sets an event, the second gives up at once.

    Args:
        stop: what the first one sets; after that, `KeyboardInterrupt` is raised.

    Attributes:
        came: there was one.
        is_heeded: somebody looks at the event. Until it is set, while a source is waited for, the
            first signal gives up as well.
    """

    def __init__(self, stop: threading.Event) -> None:
        """Change nothing yet."""
        self._stop = stop
        self._before: dict[int, Any] = {}
        self.came = False
        self.is_heeded = False

    def __enter__(self) -> Self:
        """Handle the signals, but for a hang-up that `nohup` has switched off."""
        numbers = [signal.SIGINT, signal.SIGTERM]
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
            numbers.append(signal.SIGHUP)
        self._before = {number: signal.signal(number, self._handle) for number in numbers}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Handle them as before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: object) -> None:
        if self._stop.is_set() or not self.is_heeded:
            raise KeyboardInterrupt
        self.came = True
        self._stop.set()
