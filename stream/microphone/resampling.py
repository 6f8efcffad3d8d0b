"""Samples of a microphone between its own: softly faster or slower, so that nobody hears it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stream.microphone.timeline import CHANNELS, RATE, Samples

#: Samples on either side that one between them is made of.
REACH = 16
_NUM_PHASES = 4096  # the nearest is taken, which is 96 dB below a tone of 1 kHz
_KAISER_BETA = 8.0
_MAX_CORRECTION = 1000e-6  # of the speed: a sixtieth of a semitone
_CORRECTED_IN_S = 2.0
#: What is off by more is not made up for softly.
JUMP_SAMPLES = round(0.025 * RATE)
_KEPT_SAMPLES = RATE // 4  # behind the place, for what is made up for by going back
_FADE_SAMPLES = round(0.005 * RATE)

Floats = NDArray[np.float32]


def _kernels() -> Floats:
    """Return the windowed sinc at each phase, (phases + 1, 2 * REACH)."""
    phases = np.arange(_NUM_PHASES + 1)[:, None] / _NUM_PHASES
    away = np.arange(1 - REACH, 1 + REACH)[None] - phases
    inside = np.clip(1 - (away / REACH) ** 2, 0, None)
    kernels = np.sinc(away) * np.i0(_KAISER_BETA * np.sqrt(inside)) / np.i0(_KAISER_BETA)
    return np.asarray(kernels / kernels.sum(1, keepdims=True), np.float32)


class Resampler:
    """Reads samples at places between them, at a speed close to one.

    It follows where it should be: by the speed that is due, and where it is off, by a little more
    or less. Only what is off by more than 25 ms it makes up for at once.

    Attributes:
        place: of the next sample that is read, counted from the first that was pushed.
        num_jumps: how often it made up for something at once.
    """

    def __init__(self) -> None:
        """Have nothing yet."""
        self.place: float | None = None
        self.num_jumps = 0
        self._kernels = _kernels()
        self._samples = np.zeros((REACH, CHANNELS), np.float32)
        self._first = -REACH  # number of the first of them: before all there is silence

    def push(self, samples: Samples) -> None:
        """Add what follows, (n, 2) int16."""
        self._samples = np.concatenate([self._samples, samples.astype(np.float32)])

    @property
    def num_pushed(self) -> int:
        """How many samples came so far."""
        return self._first + len(self._samples)

    @property
    def num_forgotten(self) -> int:
        """How many of them cannot be read any more."""
        return max(0, self._first)

    def keep(self, num: int) -> None:
        """Forget all but the last samples."""
        self._forget(self.num_pushed - num)

    def read(self, begin: float, end: float, num: int) -> Samples | None:
        """Return (num, 2) int16 samples; `None` where not all are there yet that this needs.

        Args:
            begin: place at which the first should be.
            end: place at which the one after the last should be.
            num: how many.
        """
        jumps = self.place is None or abs(begin - self.place) > JUMP_SAMPLES
        place = begin if jumps or self.place is None else self.place
        correction = (begin - place) / (_CORRECTED_IN_S * RATE)
        step = (end - begin) / num + max(-_MAX_CORRECTION, min(correction, _MAX_CORRECTION))
        if math.ceil(place + step * num) + REACH > self.num_pushed:
            return None
        read = self._interpolated(place + step * np.arange(num, dtype=np.float64))
        if jumps and self.place is not None:
            self.num_jumps += 1
            read[:_FADE_SAMPLES] *= np.linspace(0, 1, min(num, _FADE_SAMPLES))[:, None]
        self.place = place + step * num
        self._forget(math.floor(self.place) - _KEPT_SAMPLES)
        return np.clip(np.rint(read), -32768, 32767).astype(np.int16)

    def _interpolated(self, places: NDArray[np.float64]) -> Floats:
        whole = np.floor(places).astype(np.int64)
        kernels = self._kernels[np.rint((places - whole) * _NUM_PHASES).astype(np.int64)]
        numbers = whole[:, None] + np.arange(1 - REACH, 1 + REACH) - self._first
        # what is forgotten, or comes before all, is silence
        around = self._samples[np.clip(numbers, 0, len(self._samples) - 1)]
        around[numbers < 0] = 0
        return np.asarray(np.einsum("nt,ntc->nc", kernels, around), np.float32)

    def _forget(self, number: int) -> None:
        """Forget what comes before a sample."""
        num = number - self._first
        if num > 0:
            self._samples, self._first = self._samples[num:], number
