"""A microphone beside a live picture, from its opening to the samples on the picture's clock."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from stream.errors import StreamError
from stream.microphone.capture import Capture
from stream.microphone.clock import ArrivalClock
from stream.microphone.hearing import Hearing
from stream.microphone.option import Wanted
from stream.microphone.timeline import RATE, Samples, Timeline
from stream.pauses import Pauses

_MUTED_S = 5.0  # digital silence for so long is told
_MUTED = 1  # the largest sample of it


class Captured(Protocol):
    """See `Capture`."""

    title: str

    def __iter__(self) -> Iterator[tuple[Samples, float]]:
        """Yield samples and when they came."""

    def reason(self) -> str:
        """Say why it was lost."""

    def interrupt(self) -> None:
        """End a running iteration."""

    def close(self) -> None:
        """Free it."""


class Microphone:
    """Hears what belongs to a picture, in a thread of its own, from `open` until `close`.

    Two clocks are measured against this machine's: that by which the microphone counts its samples,
    and that of the frames' times. The sound is resampled, by some millionths as a rule, so that it
    stays with the picture for hours.

    One that is not there, is lost, or gives digital silence is told in a line each; until it is
    there again there is silence.

    Args:
        wanted: which, and how much later its sound is put.
        on_message: told, in one line each, that it is on, lost, back, or silent.
        open_capture: opens what gives the samples of the microphone with a name.

    Attributes:
        timeline: what was heard.
        is_on: somebody is heard now.
    """

    def __init__(
        self,
        wanted: Wanted,
        on_message: Callable[[str], None],
        open_capture: Callable[[str], Captured] = Capture,
    ) -> None:
        """Hear nothing yet."""
        self.timeline = Timeline(late_s=max(0.0, -wanted.delay_s))
        self.is_on = False
        self._wanted, self._on_message, self._open_capture = wanted, on_message, open_capture
        self._picture = ArrivalClock()
        self._lock = threading.Lock()  # of the picture's clock, and of what runs
        self._capture: Captured | None = None
        self._closed = threading.Event()
        self._is_lost = False
        self._thread = threading.Thread(target=self._hear, name="microphone")

    def open(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Listen no more. May be called again."""
        self._closed.set()
        with self._lock:
            if self._capture is not None:
                self._capture.interrupt()
        if self._thread.ident is not None:
            self._thread.join()

    def see(self, time_s: float) -> None:
        """Note that a frame has come now, from whichever thread takes them from their source.

        Args:
            time_s: the frame's, on the clock of the picture.
        """
        with self._lock:
            self._picture.note(time_s, time.monotonic())

    def _hear(self) -> None:
        pauses = Pauses()
        while not self._closed.is_set():
            pauses.begin()
            self._hear_once()
            self.is_on = False
            self._closed.wait(pauses.next_s())

    def _hear_once(self) -> None:
        """Hear the microphone until it is lost, if it is there."""
        try:
            capture = self._open_capture(self._wanted.name)
        except Exception as error:  # what programs print of devices may be anything
            self._lose(_line(error))
            return
        with self._lock:
            self._capture = capture
            if self._closed.is_set():
                capture.interrupt()
        try:
            self._take_all(capture)
            if not self._closed.is_set():
                self._lose(f"lost ({capture.reason()})")
        except Exception as error:  # a recording goes on, whatever happens here
            self._lose(f"lost ({_line(error)})")
        finally:
            with self._lock:
                self._capture = None
            capture.close()

    def _lose(self, reason: str) -> None:
        """Tell once that it is not there."""
        if not self._is_lost:
            self._is_lost = True
            title = self._wanted.title
            self._on_message(f"{title}: {reason}; trying again, until then there is silence")

    def _take_all(self, capture: Captured) -> None:
        hearing = Hearing(self._wanted.delay_s)
        muted = _Muted(lambda told: self._on_message(f"microphone {capture.title}: {told}"))
        for samples, arrival_s in capture:
            if not self.is_on:
                self.is_on = True
                told = "is back" if self._is_lost else "is on, outputs have its sound"
                self._is_lost = False
                self._on_message(f"microphone {capture.title}: {told}")
            hearing.push(samples, arrival_s)
            muted.push(samples)
            with self._lock:
                picture = copy.copy(self._picture)  # whoever reads frames waits for no resampling
            hearing.put_into(self.timeline, picture)


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, StreamError) else f"{type(error).__name__}: {text}"


class _Muted:
    """Tells of digital silence, which no room gives, and of its end."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._num = 0  # samples of silence
        self._is_told = False

    def push(self, samples: Samples) -> None:
        if np.abs(samples.astype(np.int32)).max(initial=0) > _MUTED:
            if self._is_told:
                self._tell("is heard again")
            self._num, self._is_told = 0, False
            return
        self._num += len(samples)
        if self._num >= _MUTED_S * RATE and not self._is_told:
            self._is_told = True
            self._tell("gives silence; is it muted?")
