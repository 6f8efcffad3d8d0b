"""A clock that is seen through late arrivals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from stream.microphone.clock import ArrivalClock

STEP_S = 0.01
BEGAN_S = 5000.0


def seen(
    seconds: float,
    *,
    fast: float = 0.0,
    late_s: Callable[[float], float] = lambda at_s: 0.0,
    lost_s: Callable[[float], float] = lambda at_s: 0.0,
    mean_jitter_s: float = 0.003,
) -> ArrivalClock:
    """Return a clock that began at 0 when ours was `BEGAN_S`, after so long.

    Args:
        seconds: of ours.
        fast: how much it is too fast.
        late_s: how late arrivals are at least, at a time since the start.
        lost_s: how much of its time was never told, likewise.
        mean_jitter_s: of each arrival.
    """
    rng = np.random.default_rng(3)
    clock, arrival_s = ArrivalClock(), 0.0
    for number in range(1, round(seconds / STEP_S)):
        at_s = number * STEP_S
        late = late_s(at_s) + rng.exponential(mean_jitter_s)
        arrival_s = max(arrival_s, BEGAN_S + at_s + late)
        clock.note((at_s - lost_s(at_s)) * (1 + fast), arrival_s)
    return clock


@pytest.mark.parametrize("fast", [200e-6, -200e-6, 0.0])
def test_rate_and_time_are_found_among_late_arrivals(fast: float) -> None:
    clock = seen(120, fast=fast)
    assert clock.rate == pytest.approx(-fast, abs=15e-6)
    assert clock.ours_s(120 * (1 + fast)) == pytest.approx(BEGAN_S + 120, abs=0.002)


def test_the_way_back_is_the_same() -> None:
    clock = seen(30, fast=300e-6)
    for own_s in (0.0, 29.0, 31.5):
        assert clock.own_s(clock.ours_s(own_s)) == pytest.approx(own_s, abs=1e-9)


def test_a_busy_machine_does_not_move_it() -> None:
    """Which lets all come late, by this and that."""
    by_s = np.random.default_rng(5).uniform(0.01, 0.06, 200)
    clock = seen(60, late_s=lambda at_s: by_s[int(2 * at_s)] if 52 < at_s < 59.9 else 0.0)
    assert clock.ours_s(60) == pytest.approx(BEGAN_S + 60, abs=0.004)


def test_what_was_taken_for_lost_is_not_for_long() -> None:
    clock = seen(60, late_s=lambda at_s: 0.04 if 50 < at_s < 58 else 0.0)
    assert clock.ours_s(60) == pytest.approx(BEGAN_S + 60, abs=0.004)


def test_a_machine_that_stood_still_for_a_moment_does_not_move_it() -> None:
    clock = seen(60, late_s=lambda at_s: max(0.0, 51 - at_s) if at_s > 49.8 else 0.0)
    assert clock.ours_s(60) == pytest.approx(BEGAN_S + 60, abs=0.004)


@pytest.mark.parametrize("lost_s", [0.5, 0.036])
def test_what_was_lost_is_found_and_stays_lost(lost_s: float) -> None:
    clock = seen(40, fast=200e-6, lost_s=lambda at_s: lost_s if at_s > 30 else 0.0)
    assert clock.ours_s((40 - lost_s) * 1.0002) == pytest.approx(BEGAN_S + 40, abs=0.004)
    assert clock.rate == pytest.approx(-200e-6, abs=60e-6)


def test_what_was_there_before_does_not_count_as_late() -> None:
    """A device that was open gives at once what it had kept, a third of a second."""
    clock = seen(5, late_s=lambda at_s: max(0.0, 0.3 - at_s))
    assert clock.ours_s(5) == pytest.approx(BEGAN_S + 5, abs=0.003)


def test_the_first_arrival_is_known_and_half_a_second_settles() -> None:
    clock = ArrivalClock()
    assert not clock.is_known
    clock.note(1.0, 11.0)
    assert clock.is_known
    assert not clock.is_settled
    assert clock.ours_s(2.0) == 12.0
    clock.note(1.6, 11.6)
    assert clock.is_settled
