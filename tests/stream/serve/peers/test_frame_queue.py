"""Frames before the decoder: bursts, floods, and the end."""

from __future__ import annotations

import threading
import time

import pytest

pytest.importorskip("aiortc", reason="the extra serve")

from aiortc.jitterbuffer import JitterFrame

from stream.serve.peers.frame_queue import MAX_WAITING, FrameQueue

WHOLE, LEANING = b"\x10whole", b"\x11leaning"


class Frames:
    """A queue, what it reported, and a decoder that may be slow."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, max_fps: float = 75) -> None:
        self.now = 0.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.lost = threading.Event()
        self.num_excesses = 0
        self.queue = FrameQueue(max_fps, self.lost, self._exceed)
        self.clock = lambda: self.now
        for one in (self.queue._come, self.queue._decoded):
            one._clock = self.clock
            one._at = 0.0

    def _exceed(self) -> None:
        self.num_excesses += 1

    def send(self, data: bytes, num: int = 1, *, decode: bool = True) -> int:
        """Returns how many of so many frames get to the decoder."""
        passed = 0
        for _ in range(num):
            self.queue.put(("VP8", JitterFrame(data, 0)))
            if decode and not self.queue.empty():
                self.queue.get_nowait()
                passed += 1
        return passed


def test_a_burst_after_a_pause_throws_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = Frames(monkeypatch)
    for _ in range(60):
        frames.now += 1
        assert frames.send(LEANING, 30) == 30
    for pause_s in (2, 4, 9, 25):
        frames.now += pause_s
        num = frames.send(LEANING, 30 * pause_s)  # all of them at once
        assert num <= 150
        frames.now += 1
        assert frames.send(WHOLE) == 1
        assert frames.send(LEANING, 29) == 29
        frames.now += 30
    assert frames.num_excesses == 0


def test_after_what_was_dropped_a_whole_picture_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = Frames(monkeypatch)
    frames.now = 100.0
    assert frames.send(WHOLE) == 1
    assert frames.send(LEANING, 400) < 200
    assert frames.lost.is_set()
    frames.now += 5
    assert frames.send(LEANING, 10) == 0
    assert frames.send(WHOLE) == 1
    frames.lost.clear()
    assert frames.send(LEANING, 10) == 10
    assert not frames.lost.is_set()


def test_too_many_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = Frames(monkeypatch)
    for _ in range(300):
        frames.now += 0.1
        frames.send(WHOLE, 30)
    assert frames.num_excesses == 1
    assert frames.send(WHOLE) == 0


def test_a_decoder_that_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = Frames(monkeypatch)
    for _ in range(100):
        frames.now += 0.1
        frames.send(WHOLE, decode=False)
    assert frames.queue.qsize() == MAX_WAITING
    frames.queue.put(None)  # the end, for which nothing is waited
    assert frames.queue.get_nowait() is None
    frames.queue.put(("VP8", JitterFrame(WHOLE, 0)))
    assert frames.queue.empty()
