"""Turns go to whoever had least, by time."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from stream.serve.fairness.turns import Turns


async def contend(turns: Turns, takes: dict[str, tuple[int, float]], for_s: float) -> Counter[str]:
    """Let so many of each address take turns of so many seconds; returns the time each had."""
    had: Counter[str] = Counter()

    async def work(address: str, take_s: float) -> None:
        while True:
            async with turns.turn(address):
                await asyncio.sleep(take_s)
            had[address] += take_s  # type: ignore[assignment]

    tasks = [
        asyncio.ensure_future(work(address, take_s))
        for address, (num, take_s) in takes.items()
        for _ in range(num)
    ]
    await asyncio.sleep(for_s)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return had


def test_an_address_with_many_has_no_more_than_another() -> None:
    had = asyncio.run(contend(Turns(1), {"many": (8, 0.01), "one": (1, 0.01)}, 2.0))
    # whoever is alone comes back only when the turn of one of the many has begun
    assert had["one"] > 0.6 * had["many"]


def test_long_turns_come_less_often() -> None:
    had = asyncio.run(contend(Turns(1), {"long": (2, 0.05), "short": (2, 0.005)}, 2.0))
    assert had["short"] > 0.4 * had["long"]


def test_nobody_waits_while_there_are_hands() -> None:
    async def both() -> None:
        turns = Turns(2)
        async with turns.turn("a"), turns.turn("a"):
            waiting = asyncio.ensure_future(enter(turns))
            await asyncio.sleep(0.05)
            assert not waiting.done()
        await asyncio.wait_for(waiting, 10)

    async def enter(turns: Turns) -> None:
        async with turns.turn("b"):
            pass

    asyncio.run(both())


def test_whoever_gives_up_waiting_takes_no_turn_away() -> None:
    async def give_up() -> None:
        turns = Turns(1)
        for _ in range(5):
            async with turns.turn("a"):
                waiting = [asyncio.ensure_future(hold(turns)) for _ in range(3)]
                await asyncio.sleep(0)
                waiting[0].cancel()  # while they wait
                await asyncio.sleep(0)
            waiting[1].cancel()  # as their turn comes
            await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.wait_for(hold(turns), 10)

    async def hold(turns: Turns) -> None:
        async with turns.turn("b"):
            await asyncio.sleep(0)

    asyncio.run(give_up())


def test_a_turn_ends_with_an_error() -> None:
    async def fail() -> None:
        turns = Turns(1)
        with pytest.raises(RuntimeError):
            async with turns.turn("a"):
                raise RuntimeError
        async with asyncio.timeout(10), turns.turn("b"):
            pass

    asyncio.run(fail())
