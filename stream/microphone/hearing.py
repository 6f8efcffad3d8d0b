"""Samples of a microphone, counted by its own clock, on their way to the picture's."""

from __future__ import annotations

from stream.microphone.clock import ArrivalClock
from stream.microphone.resampling import Resampler
from stream.microphone.timeline import RATE, Samples, Timeline, index_at

_BLOCK = RATE // 50  # samples that are put into the timeline at once
_HELD = 5 * RATE  # while no picture comes yet


class Hearing:
    """What comes of a microphone from its opening until it is lost, brought to the picture's clock.

    Args:
        delay_s: by which it is put later.
    """

    def __init__(self, delay_s: float = 0.0) -> None:
        """Have heard nothing yet."""
        self._delay_s = delay_s
        self._clock, self._resampler = ArrivalClock(), Resampler()
        self._next: int | None = None  # sample of the timeline

    def push(self, samples: Samples, arrival_s: float) -> None:
        """Take (n, 2) int16 samples that came at a time of ours."""
        self._resampler.push(samples)
        self._clock.note(self._resampler.num_pushed / RATE, arrival_s)

    def put_into(self, timeline: Timeline, picture: ArrivalClock) -> None:
        """Add to a timeline what can be told by now.

        Nothing for half a second, in which it shows how regularly samples and frames come.

        Args:
            timeline: of the picture.
            picture: its clock.
        """
        if not (picture.is_settled and self._clock.is_settled):
            self._resampler.keep(_HELD)
            return
        if self._next is None:
            first_s = self._clock.ours_s(self._resampler.num_forgotten / RATE)
            self._next = index_at(picture.own_s(first_s + self._delay_s))
        self._next = max(self._next, timeline.end or self._next)
        while True:
            begin, end = (self._place(picture, self._next + num) for num in (0, _BLOCK))
            samples = self._resampler.read(begin, end, _BLOCK)
            if samples is None:
                return
            timeline.put(self._next, samples)
            self._next += _BLOCK

    def _place(self, picture: ArrivalClock, number: int) -> float:
        """Return the place, among the samples that came, of one of the timeline."""
        return self._clock.own_s(picture.ours_s(number / RATE) - self._delay_s) * RATE
