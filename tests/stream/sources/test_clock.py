"""Times of frames whose timestamps jump."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np

from stream.sources.clock import Clock

TENTH = Fraction(1, 10)
MILLISECOND = Fraction(1, 1000)


def times(clock: Clock, ticks: Iterable[int], time_base: Fraction = TENTH) -> list[float]:
    return [clock.time_s(pts, time_base) for pts in ticks]


def of_file(max_gap_s: float = 3600.0) -> Clock:
    return Clock(0.1, max_gap_s=max_gap_s)


def live(*, by_arrival: bool = False) -> Clock:
    return Clock(0.1, max_gap_s=3.0, by_arrival=by_arrival)


def test_times_are_those_of_the_source() -> None:
    ticks = [-3, 0, 1, 7, 8]
    assert times(of_file(), ticks) == [pts / 10 for pts in ticks]


def test_a_file_that_starts_over_goes_on_with_its_next_frame() -> None:
    np.testing.assert_allclose(times(of_file(), [50, 51, 0, 1, 2, 0]), 5 + 0.1 * np.arange(6))


def test_gaps_of_a_file_stay_but_for_those_that_no_recording_has() -> None:
    ticks = [0, 1, 30_000, 30_001]  # fifty minutes
    assert times(of_file(), ticks) == [pts / 10 for pts in ticks]
    jump = [0, 1, 2**33 // 9000, 2**33 // 9000 + 1]  # 33 bits at 90 kHz
    np.testing.assert_allclose(times(of_file(), jump), [0, 0.1, 0.2, 0.3])
    assert times(of_file(math.inf), jump)[2] > 90_000


def test_one_wrong_timestamp_is_gone_with_its_frame() -> None:
    ticks = [0, 1, 90_000, 3, 4]
    np.testing.assert_allclose(times(of_file(), ticks), [0, 0.1, 0.2, 0.3, 0.4])


def test_equal_timestamps_are_a_tick_apart() -> None:
    given = times(of_file(), [1000, 1000, 1000, 1100], MILLISECOND)
    np.testing.assert_allclose(given, [1, 1.001, 1.002, 1.1])


def test_what_is_live_goes_on_as_much_later_as_its_frame_came() -> None:
    clock = live()
    came = [(500, 7.0), (501, 7.1), (0, 12.1), (1, 12.2), (100_000, 12.3), (100_001, 12.4)]
    given = [clock.time_s(pts, TENTH, arrival_s) for pts, arrival_s in came]
    np.testing.assert_allclose(given, [50, 50.1, 55.1, 55.2, 55.3, 55.4])


def test_a_live_gap_in_which_time_passed_is_no_jump() -> None:
    clock = live()
    came = [(0, 7.0), (1, 7.1), (200, 27.0), (201, 27.0), (225, 27.1)]
    given = [clock.time_s(pts, TENTH, arrival_s) for pts, arrival_s in came]
    np.testing.assert_allclose(given, [0, 0.1, 20, 20.1, 22.5])


def test_the_time_between_two_connections_is_that_of_the_world() -> None:
    clock = live()
    for pts in range(20):  # a second of which came at once
        last_s = clock.time_s(pts, TENTH, 100 + max(0, pts - 10) / 10)
    assert last_s == 1.9
    clock.begin_anew()
    assert clock.time_s(7, TENTH, 105.0) == 5.0
    np.testing.assert_allclose(clock.time_s(8, TENTH, 105.0), 5.1)
    clock.begin_anew()
    np.testing.assert_allclose(clock.time_s(7, TENTH, 105.0), 5.2)


def test_without_timestamps_times_are_those_of_arrival() -> None:
    clock = live(by_arrival=True)
    given = [clock.time_s(pts, Fraction(1, 25), 40 + pts / 5) for pts in range(4)]
    np.testing.assert_allclose(given, [40, 40.2, 40.4, 40.6])
    clock.begin_anew()
    assert clock.time_s(0, Fraction(1, 25), 77.0) == 77.0
