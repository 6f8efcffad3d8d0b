"""When frames are due that are there before their time."""

from __future__ import annotations

import math
import time

_MAX_LATE_S = 0.5


class Pace:
    """Lets a clock of frames run as fast as that on the wall, from the first frame asked for.

    After a pause, or where frames come too late, it starts anew: none are hurried through.

    Args:
        max_behind_s: how far the clock may get behind by that, in all; then frames are hurried.
    """

    def __init__(self, *, max_behind_s: float = math.inf) -> None:
        """Wait for the first frame."""
        self._left_s = max_behind_s
        self._offset_s: float | None = None

    def early_s(self, time_s: float) -> float:
        """Return how many seconds a frame of that time has to wait, 0 if it is due."""
        offset_s = time.monotonic() - time_s
        if self._offset_s is None:
            self._offset_s = offset_s
        late_s = offset_s - self._offset_s
        if late_s > _MAX_LATE_S:
            late_s = min(late_s, self._left_s)
            self._left_s -= late_s
            self._offset_s += late_s
        return max(0.0, self._offset_s - offset_s)
