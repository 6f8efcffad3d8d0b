"""Which frames the network sees."""

from __future__ import annotations

import pytest

from segmentation.tracking.schedule import Progress, Schedule


def test_schedule_counts_frames():
    schedule = Schedule(3)
    assert [schedule.due(Progress(n, n / 25, drift=9.0)) for n in (1, 2, 3, 4)] == [
        False,
        False,
        True,
        True,
    ]


def test_schedule_goes_by_drift_news_and_time():
    schedule = Schedule("auto")
    assert not schedule.due(Progress(3, 0.1, drift=0.3, new_share=0.01))
    assert schedule.due(Progress(3, 0.1, drift=0.8))
    assert schedule.due(Progress(3, 0.1, new_share=0.07))
    assert schedule.due(Progress(3, 0.1, drift=0.4, new_share=0.04))
    assert schedule.due(Progress(3, 1.1))


@pytest.mark.parametrize("drift", [0.02, 0.1, 0.5])
def test_schedule_keeps_to_its_budget(drift):
    schedule = Schedule("auto", mean_distance=8)
    since, keyframes = 0, 0
    for _ in range(800):
        since += 1
        if schedule.due(Progress(since, since / 25, drift * since)):
            since, keyframes = 0, keyframes + 1
    assert 80 <= keyframes <= 125


def test_a_distance_of_no_frames_is_refused():
    with pytest.raises(ValueError, match="keyframe: expected a positive number or 'auto', got 0"):
        Schedule(0)
