"""What one, two and more of Ctrl-C do."""

from __future__ import annotations

import signal
import threading

import pytest

from stream import interruption
from stream.interruption import Interruption


def test_first_stops_second_gives_up_and_more_disturb_nothing(monkeypatch):
    stop = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    with Interruption(stop) as interrupted:
        interrupted.is_heeded = True
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        assert interrupted.came
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        monkeypatch.setattr(interruption.time, "monotonic", lambda: interrupted._deaf_until)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_leaving_is_not_disturbed():
    stop = threading.Event()
    with Interruption(stop) as interrupted:
        interrupted.is_heeded = True
        interrupted.leave()
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        assert stop.is_set()


def test_the_first_gives_up_while_nobody_looks():
    stop = threading.Event()
    with Interruption(stop):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert not stop.is_set()
