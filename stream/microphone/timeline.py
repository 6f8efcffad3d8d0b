"""What was heard of late, on the clock of the picture."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

RATE = 48_000  # samples a second
CHANNELS = 2
_KEPT_S = 60

Samples = NDArray[np.int16]


def index_at(time_s: float) -> int:
    """Return the number of the sample at a time of the picture's clock."""
    return round(time_s * RATE)


class Timeline:
    """The last minute of sound: samples by their number, the first after 0 on that clock being 0.

    One thread puts in, any number take out.

    Args:
        late_s: how much later than the picture it is known, beyond what it takes to come: where
            sound is put earlier than it came.

    Attributes:
        late_s: the same.
        end: number of the sample after the last that is known; `None` before the first.
    """

    def __init__(self, late_s: float = 0.0) -> None:
        """Know nothing yet."""
        self.late_s = late_s
        self.end: int | None = None
        self._ring = np.zeros((_KEPT_S * RATE, CHANNELS), np.int16)
        self._changed = threading.Condition()

    def put(self, start: int, samples: Samples) -> None:
        """Add what was heard; what is known by now stays, and between both there is silence.

        Args:
            start: number of the first sample.
            samples: (n, 2) int16.
        """
        with self._changed:
            known = start if self.end is None else self.end
            samples = samples[max(0, known - start) :]
            start = max(start, known)
            self._write(known, np.zeros((min(start - known, len(self._ring)), CHANNELS), np.int16))
            self._write(start, samples)
            self.end = max(known, start + len(samples))
            self._changed.notify_all()

    def settle(self, number: int) -> None:
        """Take for silence what is not known before a sample."""
        if self.end is None or self.end < number:
            self.put(number, np.zeros((0, CHANNELS), np.int16))

    def wait_for(self, number: int, timeout_s: float) -> None:
        """Wait until all before a sample is known, or so long."""
        with self._changed:
            self._changed.wait_for(lambda: self.end is not None and self.end >= number, timeout_s)

    def between(self, start: int, stop: int) -> Samples:
        """Return samples, (stop - start, 2) int16: silence where nothing is known any more."""
        found = np.zeros((stop - start, CHANNELS), np.int16)
        with self._changed:
            end = start if self.end is None else self.end
            first, last = max(start, end - len(self._ring)), min(stop, end)
            if first < last:
                numbers = np.arange(first, last) % len(self._ring)
                found[first - start : last - start] = self._ring[numbers]
        return found

    def _write(self, start: int, samples: Samples) -> None:
        """Write into the ring, of which the newest may fill all."""
        size = len(self._ring)
        if len(samples) > size:
            start, samples = start + len(samples) - size, samples[-size:]
        self._ring[np.arange(start, start + len(samples)) % size] = samples
