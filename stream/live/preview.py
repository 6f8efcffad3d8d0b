"""Sink: the newest output, for whoever looks on from elsewhere, as a page does."""

from __future__ import annotations

import threading
from collections.abc import Callable

from stream.frame import Output, Sink


class Preview(Sink):
    """Holds the output that is shown now, see `Sink`; never slows a run, and makes nothing of it.

    Args:
        see: told each output.

    Attributes:
        newest: the last output, `None` before the first.
        num_written: how many there were.
        num_viewers: who looks on; a camera that rests while nobody looks is on for them.
    """

    watched = True
    accompanies = True

    def __init__(self, see: Callable[[Output], None] = lambda output: None) -> None:
        """Hold nothing yet."""
        self._see = see
        self.newest: Output | None = None
        self.num_written = 0
        self.num_viewers = 0
        self._lock = threading.Lock()

    def write(self, output: Output) -> None:
        """Hold one output; see `Sink`."""
        self._see(output)
        self.newest = output
        self.num_written += 1

    def close(self) -> None:
        """Hold nothing any more."""
        self.newest = None

    def come(self) -> None:
        """Count one who looks on, from any thread; `go` ends it."""
        with self._lock:
            self.num_viewers += 1

    def go(self) -> None:
        """See `come`."""
        with self._lock:
            self.num_viewers -= 1
