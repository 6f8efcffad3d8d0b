"""How long to wait before each attempt to have again what was lost."""

from __future__ import annotations

import time

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
STEADY_S = 10.0  # what held so long makes the next pause short again


class Pauses:
    """Grow with each attempt, until one of them held."""

    def __init__(self) -> None:
        """Be at the first attempt."""
        self._attempt = 0
        self._begun_s = 0.0

    def begin(self) -> None:
        """Note the time of an attempt."""
        self._begun_s = time.monotonic()

    def next_s(self) -> float:
        """Return the pause in seconds after the attempt that has failed by now."""
        if time.monotonic() - self._begun_s > STEADY_S:
            self._attempt = 0
        self._attempt += 1
        return PAUSES_S[min(self._attempt, len(PAUSES_S)) - 1]
