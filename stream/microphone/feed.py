"""Sound on its way into an encoder, in step with the frames."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from stream.microphone.timeline import RATE, Timeline, index_at

#: What has not come so long after a frame wanted it is silence, and nobody waits for it any more.
#: By our own time: frames that were there before anybody read them come faster than it passes.
PATIENCE_S = 0.75

#: Of one packet: an encoder that is given sound of minutes at once would hold all of it.
_PACKET = RATE // 10
_AT_END_S = 0.3  # how long what was heard last may be on its way


class SoundFeed:
    """Gives the sound of one output, without a gap, from its first frame on.

    Args:
        timeline: that it is taken from.
    """

    def __init__(self, timeline: Timeline) -> None:
        """Wait for the first frame."""
        self._timeline = timeline
        self._origin = self._next = 0
        self._wanted: deque[tuple[float, int]] = deque()  # since when, and up to which sample

    def start(self, origin_s: float) -> None:
        """Begin, at the time that is 0 for the encoder."""
        self._next = self._origin = index_at(origin_s)
        self._wanted.clear()

    def until(self, time_s: float) -> Iterator[tuple[int, bytes]]:
        """Yield what is known by now of the sound before a time, and was not given yet.

        What has not come three quarters of a second after it was to be known is silence.

        Args:
            time_s: of a frame.

        Yields:
            The number of the first sample, from the origin, and samples: 16 bits, little-endian,
            of two channels in turn.
        """
        now = time.monotonic()
        self._wanted.append((now, index_at(time_s)))
        patience_s = PATIENCE_S + self._timeline.late_s
        while self._wanted and now - self._wanted[0][0] >= patience_s:
            self._timeline.settle(self._wanted.popleft()[1])
        stop = min(index_at(time_s), self._timeline.end or 0)
        while self._next < stop:
            start = self._next
            self._next = min(start + _PACKET, stop)
            samples = self._timeline.between(start, self._next)
            yield start - self._origin, samples.astype("<i2").tobytes()

    def rest(self, end_s: float) -> Iterator[tuple[int, bytes]]:
        """Yield what is missing at the end, see `until`; waits for what was heard last."""
        self._timeline.wait_for(index_at(end_s), _AT_END_S + self._timeline.late_s)
        self._timeline.settle(index_at(end_s))
        return self.until(end_s)
