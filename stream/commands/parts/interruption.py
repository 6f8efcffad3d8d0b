"""Ctrl-C, `kill` and a closed terminal: they end a stream, and its outputs are completed."""

from __future__ import annotations

import signal
import threading
import time
from types import TracebackType
from typing import Any, Self

LEAVING_S = 5.0  # many times as long as outputs take that are given up

#: Set once a signal has raised `KeyboardInterrupt`. Libraries that are just being imported may turn
#: that into errors of their own.
given_up = threading.Event()


def give_up(number: int, frame: object) -> None:
    """Handle a signal that ends the program."""
    given_up.set()
    raise KeyboardInterrupt


class Interruption:
    """While entered, the first of these signals sets an event, the second gives up at once.

    Whoever presses Ctrl-C again and again does not interrupt the giving up, which kills processes,
    keeps recordings as far as they got and deletes what else is unfinished; unless it takes so long
    that it seems to hang. A terminal that closes hangs up twice, by the shell and by the system,
    and nobody is impatient there.

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
        self._deaf_until = 0.0
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

    def leave(self) -> None:
        """Disturb nothing for a while: all that is left to do is to leave the outputs."""
        self._deaf_until = time.monotonic() + LEAVING_S

    def _handle(self, number: int, frame: object) -> None:
        if self.is_heeded and not self._stop.is_set():
            self.came = True
            self._stop.set()
        elif self.is_heeded and number == getattr(signal, "SIGHUP", None):
            return
        elif time.monotonic() >= self._deaf_until:
            self.leave()
            give_up(number, frame)
