"""What is missing in a recording of pictures that came too fast."""

from __future__ import annotations

import threading
from collections.abc import Callable

#: A shorter gap is hardly seen.
LEAST_GAP_S = 1.0
#: Of all pictures; fewer, here and there, are hardly missed.
LEAST_SHARE = 0.05

_UNWRITTEN = "could not be written as fast as they came"
_UNDONE = "this machine was too slow for them"


class Gaps:
    """Counts what one recording of a live source misses, and says so.

    Args:
        name: of the recording.
        on_message: told, in one line, of the first long gap when it is over, and of all at the end.
    """

    def __init__(self, name: str, on_message: Callable[[str], None]) -> None:
        """Miss nothing yet."""
        self._name, self._on_message = name, on_message
        self._num_lost = self._num_undone = self._num_written = self._num_gaps = 0
        self._lock = threading.Lock()  # around the first two
        # at the write before the last one: while that one took long, pictures were thrown away
        self._num_lost_before = self._num_lost_at_last = 0
        self._last_s = 0.0

    def lose(self, num: int) -> None:
        """Count pictures that were thrown away instead of being written. From any thread."""
        with self._lock:
            self._num_lost += num

    def overtake(self, num: int) -> None:
        """Count pictures that newer ones overtook before anything was made of them. Likewise."""
        with self._lock:
            if self._num_written:  # before that they are of no recording
                self._num_lost += num
                self._num_undone += num

    def write(self, time_s: float) -> None:
        """Count a picture that was written, of that time; from the thread that writes them."""
        num_lost = self._num_lost
        gap_s = time_s - self._last_s
        # fewer than one in a second say that the source had none
        is_ours = num_lost - self._num_lost_before >= max(1.0, gap_s)
        if is_ours and self._num_written and gap_s >= LEAST_GAP_S:
            self._num_gaps += 1
            if self._num_gaps == 1:
                place = f"{self._last_s // 60:.0f}:{self._last_s % 60:04.1f}"
                self._on_message(
                    f"{self._name}: {gap_s:.1f} s from {place} on are missing: {self._why}"
                )
        self._num_lost_before, self._num_lost_at_last = self._num_lost_at_last, num_lost
        self._last_s = time_s
        self._num_written += 1

    def tell_all(self) -> None:
        """Say what is missing in all, where that is more than was said."""
        num = self._num_lost + self._num_written
        if self._num_gaps > 1 or self._num_lost > LEAST_SHARE * num:
            self._on_message(
                f"{self._name}: {self._num_lost} of {num} pictures are missing: {self._why}"
            )

    @property
    def _why(self) -> str:
        return _UNDONE if 2 * self._num_undone > self._num_lost else _UNWRITTEN
