"""A file that behaves like a camera."""

from __future__ import annotations

import time

from stream.sources.realtime import RealTime
from tests.stand_ins.fakes import MovingSquare


def test_realtime_gives_frames_when_they_are_due():
    source = RealTime(MovingSquare(11))
    times = []
    with source:
        for _ in source:
            times.append(time.monotonic())
    assert source.info.live
    assert len(times) == 11
    assert times[-1] - times[0] >= 10 / 25 - 0.005


def test_realtime_can_be_interrupted_while_it_waits():
    source = RealTime(MovingSquare(1000))
    with source:
        for frame in source:
            if frame.index == 2:
                source.interrupt()
        assert frame.index == 2


def test_realtime_tells_what_of_its_file_is_left_out():
    inner = MovingSquare(2)
    with RealTime(inner) as source:
        for _ in source:
            inner.num_left_out = 1
        assert source.num_left_out == 1
