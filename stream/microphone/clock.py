"""A clock that is only seen through what arrives from it, late by varying amounts."""

from __future__ import annotations

from collections import deque

_LOOK_S = 0.5  # of arrivals that come in so long, the least late one counts
_JITTER_S = 0.002  # standard deviation of that one
_RATE = 150e-6  # standard deviation of the rates of clocks, of which nothing is known
_WANDER = 0.2e-6  # likewise of what a rate changes by in a second
_LATE_S = 0.010  # what is later than expected by that says nothing: this machine was busy
# A busy machine is late by this and that. What stays equally late for so many looks, or late for
# very many, has lost something: samples that nobody fetched in time.
_NUM_EQUAL, _EQUAL_S = 6, 0.008
_NUM_LATE = 20


class ArrivalClock:
    """Tells our time of each moment of another clock, whose rate it measures.

    A Kalman filter of two values, how far the clock is behind ours and how fast it falls behind,
    over the arrival in each half second that was least late. A microphone's clock counts its
    samples, a picture's shows times; neither is right, both are steady.

    Attributes:
        rate: seconds of ours that pass, beyond one, in each of its seconds.
        is_known: whether something has come, so that times can be told.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.rate = 0.0
        self.is_known = False
        self._own_s = self._behind_s = 0.0  # of the last look: its time, and how far it was behind
        self._variances = (0.0, 0.0, 0.0)  # of that, with the rate, of the rate
        self._least: tuple[float, float] | None = None  # of this look: its time, and how far behind
        self._began_s = 0.0
        self._late: deque[float] = deque(maxlen=_NUM_LATE)  # by how much the last looks were

    def note(self, own_s: float, arrival_s: float) -> None:
        """Take what comes from the clock.

        Args:
            own_s: time on that clock, which never decreases.
            arrival_s: time of ours at which it came.
        """
        behind_s = arrival_s - own_s
        if not self.is_known:
            self._begin(own_s, behind_s)
            self._began_s = arrival_s
        expected_s = self._expected_s(own_s)
        late_s = behind_s - expected_s
        if self._least is None or late_s < self._least[1] - self._expected_s(self._least[0]):
            self._least = own_s, behind_s
        if not self.is_settled and late_s < 0:
            self._behind_s += late_s  # nothing comes before it happens
        if arrival_s - self._began_s >= _LOOK_S:
            self._look(*self._least)
            self._least, self._began_s = None, arrival_s

    def ours_s(self, own_s: float) -> float:
        """Return our time of a moment of that clock."""
        return own_s + self._expected_s(own_s)

    def own_s(self, ours_s: float) -> float:
        """Return the time of that clock at a moment of ours."""
        return self._own_s + (ours_s - self._own_s - self._behind_s) / (1 + self.rate)

    @property
    def is_settled(self) -> bool:
        """Whether enough has come that what is told does not change at once."""
        return self._variances[0] > 0

    def _expected_s(self, own_s: float) -> float:
        return self._behind_s + self.rate * (own_s - self._own_s)

    def _begin(self, own_s: float, behind_s: float) -> None:
        """Begin anew at a moment, with the rate that is known."""
        self.is_known = True
        self._own_s, self._behind_s = own_s, behind_s
        self._least = None
        self._late.clear()
        rate = self._variances[2] or _RATE**2
        self._variances = (0.0, 0.0, rate)

    def _is_step(self) -> bool:
        """Return whether it is late for good, and not because this machine is busy."""
        last = list(self._late)[-_NUM_EQUAL:]
        are_equal = len(last) == _NUM_EQUAL and max(last) - min(last) < _EQUAL_S
        return are_equal or len(self._late) == _NUM_LATE

    def _look(self, own_s: float, behind_s: float) -> None:
        """Take the arrival of a look that was least late."""
        off_s = behind_s - self._expected_s(own_s)
        if off_s > _LATE_S:
            self._late.append(off_s)
            if self._is_step():
                self._begin(own_s, behind_s - off_s + min(self._late))
            return
        self._late.clear()
        if off_s < -_LATE_S:  # nothing comes before it happens
            self._begin(own_s, behind_s)
            return
        passed_s = max(0.0, own_s - self._own_s)
        behind, both, rate = self._variances
        noise = _JITTER_S**2
        if not self.is_settled:  # what it says is all that is known
            self._own_s, self._behind_s = own_s, behind_s
            self._variances = (noise, 0.0, rate)
            return
        rate += _WANDER**2 * passed_s
        behind += 2 * passed_s * both + passed_s**2 * rate
        both += passed_s * rate
        share, of_rate = behind / (behind + noise), both / (behind + noise)
        self._behind_s, self._own_s = self._expected_s(own_s) + share * off_s, own_s
        self.rate += of_rate * off_s
        self._variances = ((1 - share) * behind, (1 - share) * both, rate - of_rate * both)
