"""When frames are due that are there before their time."""

from __future__ import annotations

import time

_MAX_LATE_S = 0.5


class Pace:
    """Lets a clock of frames run as fast as that on the wall, from the first frame asked for.

    After a pause, or where frames come too late, it starts anew: none are hurried through.
    """

    def __init__(self) -> None:
        """Wait for the first frame."""
        self._offset_s: float | None = None

    def early_s(self, time_s: float) -> float:
        """Return how many seconds a frame of that time has to wait, 0 if it is due."""
        now = time.monotonic()
        if self._offset_s is None or now - self._offset_s - time_s > _MAX_LATE_S:
            self._offset_s = now - time_s
        return max(0.0, self._offset_s + time_s - now)
