"""What had come of a live source before anybody read it."""

from __future__ import annotations

import time
from typing import NamedTuple

from stream.frame import Frame

#: Each stage waits so long with a frame of the past before it is dropped for a newer one.
PATIENCE_S = 1.0
# What brings a source nearer to the present by less than that is its own unsteadiness; where for so
# long nothing does, it is as near as it gets.
_NEARER_S, _SETTLED_S = 0.005, 0.5


class Arrival(NamedTuple):
    """How a frame came.

    Attributes:
        captured_at: when, on the clock of time.perf_counter.
        patience_s: how long each stage of a live run may wait with it before it is dropped.
    """

    captured_at: float
    patience_s: float = 0.0


class Backlog:
    """Tells the frames of a live source that are of the past.

    While a stream is looked at, a network is loaded and outputs are opened, pictures come; when it
    is read at last, they are there all at once. A recording begins with the first of them, and so
    it is after every interruption. Nothing says how many there are: as long as frames come faster
    than time passes, they are of the past. On a machine too slow for all frames they never do.
    """

    def __init__(self) -> None:
        """Wait for the first frame."""
        self._take = -1
        self._lead_s = 0.0  # the most that a frame's time was ahead of our clock
        self._settles_at = 0.0

    def arrival(self, frame: Frame, *, is_recorded: bool) -> Arrival:
        """Return how the next frame came, which is now.

        Args:
            frame: the next.
            is_recorded: somebody wants also those that are late.
        """
        now = time.perf_counter()
        lead_s = frame.time_s - now
        if frame.take != self._take or lead_s > self._lead_s + _NEARER_S:
            self._take, self._lead_s = frame.take, lead_s
            self._settles_at = now + _SETTLED_S
        is_past = is_recorded and now < self._settles_at
        return Arrival(now, PATIENCE_S if is_past else 0.0)
