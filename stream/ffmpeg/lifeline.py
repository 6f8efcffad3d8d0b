"""What ends a process that this program has started, however this program ends."""

from __future__ import annotations

import contextlib
import os
import sys


class Lifeline:
    """A pipe whose reader gets a signal by the kernel when nobody holds its other end any more.

    It need not read for that: a process that waits for a silent network learns of it as well. Only
    Linux does this. Nothing is done elsewhere.

    Args:
        signal_number: which.

    Attributes:
        reader: file descriptor that the process inherits; `None` elsewhere.
    """

    def __init__(self, signal_number: int) -> None:
        """Make the pipe."""
        self._signal = signal_number
        self.reader: int | None = None
        self._writer: int | None = None
        if sys.platform == "linux":
            self.reader, self._writer = os.pipe()

    def tie(self, pid: int) -> None:
        """Let the process that has the reader end with us."""
        if sys.platform != "linux" or self.reader is None:
            return
        import fcntl

        with contextlib.suppress(OSError):  # where a sandbox knows no such signals
            fcntl.fcntl(self.reader, fcntl.F_SETOWN, pid)
            fcntl.fcntl(self.reader, fcntl.F_SETSIG, self._signal)
            flags = fcntl.fcntl(self.reader, fcntl.F_GETFL)
            fcntl.fcntl(self.reader, fcntl.F_SETFL, flags | os.O_ASYNC)
        self._close_reader()

    def close(self) -> None:
        """Let go of both ends, which ends the process. May be called again."""
        self._close_reader()
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None

    def _close_reader(self) -> None:
        if self.reader is not None:
            os.close(self.reader)
            self.reader = None
