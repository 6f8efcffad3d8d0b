"""Counts and percentiles."""

from __future__ import annotations

import numpy as np
import pytest

from stream.stats import Durations, Stats


def test_percentiles_are_right_to_a_hundredth():
    rng = np.random.default_rng(0)
    values = rng.lognormal(-4, 1, 5000)
    durations = Durations()
    for value in values:
        durations.add(float(value))
    for percent in (5, 50, 95, 100):
        wanted_ms = float(np.percentile(values, percent, method="inverted_cdf")) * 1e3
        assert durations.percentile_ms(percent) == pytest.approx(wanted_ms, rel=0.011)


def test_memory_does_not_grow_with_the_number_of_durations():
    durations = Durations()
    for microseconds in range(200_000):
        durations.add(microseconds / 1e6)
    assert len(durations._bins) < 1000
    assert durations.percentile_ms(50) == pytest.approx(100, rel=0.011)


def test_no_durations_no_percentile():
    assert Durations().percentile_ms(50) is None
    assert Stats().as_dict()["fps"] == 0
