"""The clock of a source: times that increase, whatever its timestamps do."""

from __future__ import annotations

from fractions import Fraction


class Clock:
    """Gives each frame its time, which goes on where the source's own clock does not.

    Clocks start over where recordings were joined and where a sender was started again; they jump
    far ahead where two recordings had nothing to do with each other, and where 33 bits are full.
    Then a file goes on with its next frame, and what is live as much later as its frame came. Gaps
    that are there in the world stay.

    Args:
        step_s: from one frame to the next, as a rule.
        max_gap_s: what is further ahead than that, and than the time that we waited, is a jump.
        by_arrival: timestamps say nothing, frames are of the time they come.
        start_s: what the timestamps show where the time is 0.
    """

    def __init__(
        self, step_s: float, *, max_gap_s: float, by_arrival: bool = False, start_s: float = 0.0
    ) -> None:
        """Wait for the first frame."""
        self._start_s = start_s
        self._step_s, self._max_gap_s, self._by_arrival = step_s, max_gap_s, by_arrival
        self._offset_s = 0.0
        self._last_s: float | None = None
        self._arrived_s = 0.0  # the last frame
        self._lead_s: float | None = None  # of time over arrival, of the first frame
        self._is_anew = False

    def begin_anew(self) -> None:
        """Know that the next frame is the first after an interruption of the stream."""
        self._is_anew = True

    def time_s(self, pts: int, time_base: Fraction, arrival_s: float = 0.0) -> float:
        """Return the time of the next frame.

        Args:
            pts: its timestamp.
            time_base: unit of it in seconds.
            arrival_s: when a live frame came, in seconds; of a file always the same.
        """
        own_s = arrival_s if self._by_arrival else float(pts * time_base) - self._start_s
        if self._last_s is None or self._lead_s is None:
            due_s = own_s
            self._lead_s = own_s - arrival_s
        else:
            due_s = self._next_s(own_s + self._offset_s, float(time_base), arrival_s)
        self._last_s, self._arrived_s, self._is_anew = due_s, arrival_s, False
        return due_s

    def _next_s(self, time_s: float, tick_s: float, arrival_s: float) -> float:
        assert self._last_s is not None
        assert self._lead_s is not None
        waited_s = arrival_s - self._arrived_s
        moved_s = time_s - self._last_s
        if self._is_anew:
            # not by the last frame: what precedes the first frame of a connection is alike in all
            due_s = max(arrival_s + self._lead_s, self._last_s + self._step_s)
        elif moved_s < -2 * self._step_s or moved_s > waited_s + self._max_gap_s:
            due_s = self._last_s + max(self._step_s, waited_s)
        elif moved_s <= 0:
            return self._last_s + tick_s
        else:
            return time_s
        self._offset_s += due_s - time_s
        return due_s
