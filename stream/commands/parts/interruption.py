"""Ctrl-C, `kill` and a closed terminal: they end a stream, and its outputs are completed."""

from __future__ import annotations

import signal
import threading
import time
from types import TracebackType
from typing import Any, Self

LEAVING_S = 5.0  # many times as long as outputs take that are given up

#: How long after the first signal others are the same: `timeout` and service managers send theirs
#: to a program and to its group, milliseconds apart on a busy machine, and Ctrl-C that is held down
#: comes again later than that. Whoever taps twice within it has their outputs completed, and can
#: still press once more.
ECHO_S = 0.3

#: Set once a signal has raised `KeyboardInterrupt`. Libraries that are just being imported may turn
#: that into errors of their own.
given_up = threading.Event()


class Presses:
    """Tells whoever asks again from what the first signal brings along."""

    def __init__(self) -> None:
        """Know of no signal yet."""
        self._first_s: float | None = None

    def is_echo(self, number: int) -> bool:
        """Take a signal; returns whether it says nothing that an earlier one has not said.

        A terminal that closes hangs up several times, by the shell and by the system, however late,
        and nobody is impatient there.
        """
        now_s = time.monotonic()
        if self._first_s is None:
            self._first_s = now_s
            return False
        return number == getattr(signal, "SIGHUP", None) or now_s - self._first_s < ECHO_S

    def forget(self) -> None:
        """Know of none any more."""
        self._first_s = None


_presses = Presses()  # of Ctrl-C where nothing else handles it


def begin() -> None:
    """Let Ctrl-C give up, as long as nothing else is entered that handles it."""
    given_up.clear()
    _presses.forget()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _handle)


def _handle(number: int, frame: object) -> None:
    if not _presses.is_echo(number):
        _give_up()


def _give_up() -> None:
    given_up.set()
    raise KeyboardInterrupt


def ending_signals() -> list[int]:
    """Return the signals that end the program; no hang-up where `nohup` has switched that off."""
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        numbers.append(signal.SIGHUP)
    return numbers


class Interruption:
    """While entered, the first of these signals sets an event, the second gives up at once.

    What counts as a second one `Presses` says. Whoever presses Ctrl-C again and again does not
    interrupt the giving up, which kills processes, keeps recordings as far as they got and deletes
    what else is unfinished; unless it takes so long that it seems to hang.

    One for a whole command: between two of them a signal would end the program at once.

    Attributes:
        stop: what the first one sets; after that, `KeyboardInterrupt` is raised.
        came: there was one.
        is_heeded: somebody looks at the event. Where nobody does, as while a source is waited for,
            the first signal gives up as well.
    """

    def __init__(self) -> None:
        """Change nothing yet."""
        self.stop = threading.Event()
        self._presses = Presses()
        self._before: dict[int, Any] = {}
        self._deaf_until = 0.0
        self.came = False
        self.is_heeded = False

    def __enter__(self) -> Self:
        """Handle the signals."""
        for number in ending_signals():
            self._before[number] = signal.signal(number, self._handle)
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

    def go_on(self) -> None:
        """Begin something else, after the outputs, which may take long and can be given up."""
        self.is_heeded, self._deaf_until = False, 0.0

    def _handle(self, number: int, frame: object) -> None:
        if self._presses.is_echo(number):
            return
        if self.is_heeded and not self.stop.is_set():
            self.came = True
            self.stop.set()
        elif time.monotonic() >= self._deaf_until:
            self.leave()
            _give_up()
