"""Microphones that need no system: what they give, and when it comes, is told to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from stream.microphone.microphone import Microphone
from stream.microphone.option import Wanted
from stream.microphone.timeline import RATE

Samples = NDArray[np.int16]


def tone(num: int, hz: float = 1000.0) -> Samples:
    """Return (num, 2) samples of a tone."""
    wave = 12_000 * np.sin(2 * np.pi * hz * np.arange(num) / RATE)
    return np.repeat(np.rint(wave).astype(np.int16)[:, None], 2, axis=1)


def heard(seconds: float) -> Microphone:
    """Return a microphone of which a tone was heard from time 0 on, and nothing more comes."""
    microphone = Microphone(Wanted(), lambda text: None)
    microphone.timeline.put(0, tone(round(seconds * RATE)))
    return microphone


class FakeCapture:
    """Stands in for `Capture`: gives chunks that have come, and then is lost, or waits.

    Args:
        chunks: samples and when they came.
        waits: until it is interrupted; otherwise it is lost.
    """

    title = "Fake"

    def __init__(self, chunks: Sequence[tuple[Samples, float]], *, waits: bool = False) -> None:
        self._chunks, self._waits = chunks, waits
        self._interrupted = threading.Event()
        self.is_closed = False

    def __iter__(self) -> Iterator[tuple[Samples, float]]:
        for chunk in self._chunks:
            if self._interrupted.is_set():
                return
            yield chunk
        if self._waits:
            self._interrupted.wait()

    def reason(self) -> str:
        return "unplugged"

    def interrupt(self) -> None:
        self._interrupted.set()

    def close(self) -> None:
        self.is_closed = True
