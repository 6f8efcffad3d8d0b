"""Turns at what only a few can use at a time; next comes whoever had least of it.

Start-time fair queuing (Goyal, Vin and Cheng 1997): what an address has had counts as time on a
clock of its own, which begins where those of the others are when it comes.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Shares a few hands among addresses by time.

    Args:
        num: so many have a turn at a time.
    """

    def __init__(self, num: int) -> None:
        """Let nobody wait."""
        self._num_free = num
        self._now = 0.0  # on the clocks of all: where the last turn that began has begun
        self._had: dict[str, float] = {}  # on their own clock: where their last turn ends
        self._usual_s = 0.0  # what a turn takes
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait for a turn of `address`; it lasts as long as the context."""
        begin, guess_s, took_s = max(self._now, self._had.get(address, 0.0)), self._usual_s, 0.0
        self._had[address] = begin + guess_s  # for their next one, which may not wait for this
        try:
            await self._wait(begin)
            self._now = max(self._now, begin)
            began_at = time.perf_counter()
            try:
                yield
            finally:
                took_s = time.perf_counter() - began_at
                self._usual_s += (took_s - self._usual_s) / 8
                self._let_go()
        finally:
            self._had[address] = self._had.get(address, begin + guess_s) + took_s - guess_s

    async def _wait(self, begin: float) -> None:
        if self._num_free > 0:
            self._num_free -= 1
            return
        called = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (begin, next(self._order), called))
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():  # it was their turn already
                self._let_go()
            raise

    def _let_go(self) -> None:
        """Call the next; forget those who have had no more than the others."""
        self._num_free += 1
        while self._waiting and self._num_free > 0:
            _, _, called = heapq.heappop(self._waiting)
            if not called.done():
                self._num_free -= 1
                called.set_result(None)
        self._had = {address: end for address, end in self._had.items() if end > self._now}
