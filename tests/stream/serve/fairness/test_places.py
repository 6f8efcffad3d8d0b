"""Who gets a place: those who come and go, those who only ask, and those who are many."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from stream.serve.fairness.places import GRACE_S, NoPlace, Places


@dataclass(eq=False)
class One:
    address: str
    came_at: float
    has_place: bool = True


def places(num: int, now: float = 100.0) -> Places:
    return Places(num, clock=lambda: now)


def test_all_places_for_one_address_while_nobody_else_comes() -> None:
    guests = [One("a", 1.0), One("a", 2.0), One("a", 3.0)]
    assert places(4).attempt(guests, "a") is None
    newcomer = One("a", 99.0, has_place=False)
    assert places(4).seat([*guests, newcomer], newcomer) is None


def test_the_last_of_those_who_are_many_makes_room() -> None:
    guests = [One("a", at) for at in (3.0, 1.0, 4.0, 2.0)]
    assert places(4).attempt(guests, "b") is None  # they may try; nobody leaves yet
    newcomer = One("b", 99.0, has_place=False)
    assert places(4).seat([*guests, newcomer], newcomer) is guests[2]


def test_nobody_leaves_for_more_than_a_share() -> None:
    guests = [One("a", 1.0), One("a", 2.0), One("b", 3.0), One("b", 4.0)]
    for address in ("a", "c"):
        with pytest.raises(NoPlace, match="all 4 places are taken") as none:
            places(4).attempt(guests, address)
        assert none.value.all_taken
    newcomer = One("c", 99.0, has_place=False)
    assert places(4).seat([*guests, newcomer], newcomer) is newcomer


def test_one_place() -> None:
    with pytest.raises(NoPlace, match="the only place is taken; come back when it is free"):
        places(1).attempt([One("a", 1.0)], "b")


def test_those_who_ask_and_never_come_keep_nobody_out() -> None:
    asking = [One("a", 90.0, has_place=False), One("a", 95.0, has_place=False)]
    assert places(4).attempt(asking, "b") is None
    assert places(4).attempt(asking, "a") is asking[0]  # the older one gives way
    just_now = [One("a", 100.0 - GRACE_S / 2, has_place=False) for _ in range(2)]
    assert places(4).attempt(just_now, "b") is None
    with pytest.raises(NoPlace, match="just now; try again") as none:
        places(4).attempt(just_now, "a")
    assert not none.value.all_taken


def test_many_addresses_that_only_ask() -> None:
    asking = [One(str(n), 90.0 + n, has_place=False) for n in range(8)]
    assert places(4).attempt(asking, "z") is asking[0]
    just_now = [One(str(n), 99.0, has_place=False) for n in range(8)]
    with pytest.raises(NoPlace, match="just now"):
        places(4).attempt(just_now, "z")
