"""How often something may be done: so much a second, and for a while what was saved before.

What waited on a link that stood still comes at once when the link goes on. So nothing is judged by
the last second alone: who did little before may do much for a moment. This is a token bucket.
"""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]


class Allowance:
    """Of one who does something.

    Args:
        per_s: so much is added every second.
        most: so much is there at most.
        at_first: so much is there at the beginning; `most` where it is not given.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        per_s: float,
        most: float,
        *,
        at_first: float | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        """Begin with `at_first`."""
        self._per_s = per_s
        self._most = most
        self._clock = clock
        self._left = most if at_first is None else at_first
        self._at = clock()

    @property
    def left(self) -> float:
        """How much may be done now; below 0 where `spend` took more than there was."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._per_s)
        self._at = now
        return self._left

    @property
    def is_whole(self) -> bool:
        """Whether nothing was done lately."""
        return self.left >= self._most

    def allows(self, cost: float = 1.0) -> bool:
        """Take `cost` if there is so much; returns whether there was."""
        if self.left < cost:
            return False
        self._left -= cost
        return True

    def spend(self, cost: float) -> None:
        """Take what was done already, be it there or not."""
        self._left = self.left - cost


class Allowances:
    """One for each key; who has done nothing lately is forgotten.

    Args:
        per_s: as in `Allowance`.
        most: as in `Allowance`.
        clock: as in `Allowance`.
    """

    def __init__(self, per_s: float, most: float, *, clock: Clock = time.monotonic) -> None:
        """Know nobody."""
        self._per_s = per_s
        self._most = most
        self._clock = clock
        self._known: dict[str, Allowance] = {}
        self._looked_at = clock()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._known)

    def left(self, key: str) -> float:
        """How much `key` may do now."""
        return self._known[key].left if key in self._known else self._most

    def allows(self, key: str) -> bool:
        """Take one of what `key` has if there is one; returns whether there was."""
        return self._of(key).allows()

    def spend(self, key: str, cost: float = 1.0) -> None:
        """Take what `key` did already."""
        self._of(key).spend(cost)

    def _of(self, key: str) -> Allowance:
        now = self._clock()
        if now - self._looked_at > self._most / self._per_s:  # by then every one could be whole
            self._looked_at = now
            self._known = {key: one for key, one in self._known.items() if not one.is_whole}
        if key not in self._known:
            self._known[key] = Allowance(self._per_s, self._most, clock=self._clock)
        return self._known[key]
