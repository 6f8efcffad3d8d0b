"""Who gets one of the places, and who makes room.

A place is held by a visit whose video has come. Until then it is an attempt: attempts have room of
their own, so that those who ask and never come keep nobody out. Of places and attempts an address
has a share. More than its share it may use while nobody else wants it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

#: So long an attempt is left in peace; a browser's video is there within one second or two.
GRACE_S = 3.0
#: Attempts at a time for each place, and of one address at least.
ATTEMPTS_A_PLACE, LEAST_ATTEMPTS = 2, 2


class NoPlace(Exception):
    """There is none for a newcomer: one sentence that says why, and whether all are taken."""

    def __init__(self, reason: str, *, all_taken: bool) -> None:
        """Keep both."""
        super().__init__(reason)
        self.reason = reason
        self.all_taken = all_taken


class Guest(Protocol):
    """One who has come."""

    @property
    def address(self) -> str:
        """Who shares a share with whom."""

    @property
    def came_at(self) -> float:
        """Time of the attempt, in seconds."""

    @property
    def has_place(self) -> bool:
        """Whether their video has come."""


G = TypeVar("G", bound=Guest)


class Places:
    """Decides; it keeps no list of its own.

    Args:
        num: of places.
        clock: that of `Guest.came_at`.
    """

    def __init__(self, num: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin."""
        self._num = num
        self._clock = clock
        self.share = (num + 1) // 2

    @property
    def taken_text(self) -> str:
        """What is told to those who find no place."""
        if self._num == 1:
            return "the only place is taken; come back when it is free"
        return f"all {self._num} places are taken; come back when one is free"

    def attempt(self, guests: Iterable[G], address: str) -> G | None:
        """Return whose attempt gives way to a new one from `address`, `None` if nobody's need.

        Raises:
            NoPlace: there is no room for it.
        """
        guests = list(guests)
        seated = [guest for guest in guests if guest.has_place]
        if len(seated) >= self._num and self._one_too_many(seated, address) is None:
            raise NoPlace(self.taken_text, all_taken=True)
        attempts = [guest for guest in guests if not guest.has_place]
        own = [guest for guest in attempts if guest.address == address]
        if len(own) >= max(LEAST_ATTEMPTS, self.share):
            return self._oldest(own, "others from this address are connecting just now; try again")
        if len(attempts) >= max(LEAST_ATTEMPTS, ATTEMPTS_A_PLACE * self._num):
            return self._oldest(attempts, "others are connecting just now; try again")
        return None

    def seat(self, guests: Iterable[G], newcomer: G) -> G | None:
        """Return who leaves as the newcomer's video has come: another one, they, or `None`."""
        seated = [guest for guest in guests if guest.has_place and guest is not newcomer]
        if len(seated) < self._num:
            return None
        return self._one_too_many(seated, newcomer.address) or newcomer

    def _oldest(self, attempts: list[G], otherwise: str) -> G:
        oldest = min(attempts, key=lambda guest: guest.came_at)
        if self._clock() - oldest.came_at < GRACE_S:
            raise NoPlace(otherwise, all_taken=False)
        return oldest

    def _one_too_many(self, seated: list[G], address: str) -> G | None:
        """Return the last of the address that is furthest above its share, for one below it."""
        nums: dict[str, int] = {}
        for guest in seated:
            nums[guest.address] = nums.get(guest.address, 0) + 1
        most = max(nums, key=lambda other: nums[other])
        if nums[most] <= self.share or nums.get(address, 0) >= self.share:
            return None
        return max(
            (guest for guest in seated if guest.address == most), key=lambda guest: guest.came_at
        )
