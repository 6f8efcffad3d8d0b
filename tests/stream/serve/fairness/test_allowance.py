"""So much a second, and what was saved before."""

from __future__ import annotations

from stream.serve.fairness.allowance import Allowance, Allowances


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def num_allowed(one: Allowance, num: int = 1000) -> int:
    return sum(one.allows() for _ in range(num))


def test_what_waited_for_a_pause_may_come_at_once() -> None:
    clock = Clock()
    one = Allowance(30, 300, at_first=60, clock=clock)
    assert num_allowed(one) == 60
    clock.now = 4.0
    assert num_allowed(one) == 120
    clock.now = 100.0  # no more than the most is saved
    assert num_allowed(one) == 300


def test_what_is_done_all_the_time_is_limited() -> None:
    clock = Clock()
    one = Allowance(10, 20, clock=clock)
    passed = 0
    for step in range(1000):
        clock.now = step / 100
        passed += one.allows()
    assert 115 <= passed <= 121


def test_what_was_done_already_is_owed() -> None:
    clock = Clock()
    one = Allowance(1, 5, clock=clock)
    one.spend(8)
    assert one.left == -3
    assert not one.allows()
    clock.now = 4.0
    assert one.allows()
    assert not one.is_whole


def test_each_key_has_its_own_and_is_forgotten() -> None:
    clock = Clock()
    all_of_them = Allowances(1, 2, clock=clock)
    assert [all_of_them.allows("a") for _ in range(3)] == [True, True, False]
    assert all_of_them.allows("b")
    assert all_of_them.left("c") == 2
    assert len(all_of_them) == 2
    clock.now = 3.0
    assert all_of_them.allows("b")
    assert len(all_of_them) == 1
