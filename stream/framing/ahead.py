"""A crop that knows where people will be: of a file, whose frames wait until that is so."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import reduce

import numpy as np

from stream.framing.crop import MIN_SIZE, WHOLE, Box, Crop

#: Frames that are looked ahead where they fit into memory, and how many bytes of them may wait.
MOST_AHEAD = 64
MAX_HELD_BYTES = 512_000_000
#: The most that a side moves from one frame to the next, of the frame's width or height.
MAX_STEP = 0.0098
#: Of the frames that are looked ahead, those in which a movement begins, and in which it ends.
EASED = 0.2


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one frame.

    Attributes:
        people: around their heads and shoulders, `None` where nobody is.
        is_known: whether there is a mask.
        is_wanted: whether the frame is cropped at all.
    """

    people: Box | None
    is_known: bool
    is_wanted: bool


class Ahead:
    """The crops of the frames of one stream, each of which waits for those after it.

    For each frame there is a goal, a crop that holds the people of all frames from this one to
    the last that is known; it stays as long as it suits them. The crop of a frame is the weighted
    mean of its own goal and of those of as many frames before it. As all of them hold the frame's
    people, so does the mean, and as a side has only so far to go, it moves no more than
    `MAX_STEP` from one frame to the next: the less can be looked ahead, the larger crops are.

    Args:
        num: how many frames are looked ahead, at least 0; see `num_ahead`.
    """

    def __init__(self, num: int) -> None:
        """Begin a stream."""
        ease = max(1, round(EASED * (num + 1)))
        ramp = np.arange(1, ease + 1) / ease
        weights = np.ones(num + 1)
        weights[:ease] = np.minimum(weights[:ease], ramp)
        weights[num + 1 - ease :] = np.minimum(weights[num + 1 - ease :], ramp[::-1])
        self._weights = weights / weights.sum()
        self._min_size = max(MIN_SIZE, 1 - MAX_STEP / float(self._weights.max()))
        self._num = num
        self._waiting: deque[Known] = deque()
        self._goal: Crop | None = None
        self._goals: deque[Crop] = deque(maxlen=num + 1)

    def push(self, known: Known) -> list[Crop]:
        """Take the next frame; returns the crops that are known by now, in order."""
        self._waiting.append(known)
        return [self._next()] if len(self._waiting) > self._num else []

    def finish(self) -> list[Crop]:
        """Return the crops of the frames that still wait; the next frame begins a new stream."""
        crops = [self._next() for _ in range(len(self._waiting))]
        self._goal = None
        self._goals.clear()
        return crops

    def _next(self) -> Crop:
        """Return the crop of the frame that has waited longest."""
        self._goal = self._aim()
        if not self._goals:  # before the first frame all was as it is there
            self._goals.extend([self._goal] * (self._num + 1))
        self._goals.append(self._goal)
        self._waiting.popleft()
        if all(goal == self._goal for goal in self._goals):
            return self._goal
        # the newest goals are those that a movement has just begun to
        x, y, size = self._weights @ np.array(self._goals)
        return Crop(float(x), float(y), float(size))

    def _aim(self) -> Crop:
        """Return the goal of the frame that has waited longest."""
        if not self._waiting[0].is_wanted:
            return WHOLE
        boxes = [each.people for each in self._waiting if each.people is not None]
        if not boxes:
            is_empty = any(each.is_known for each in self._waiting)
            return WHOLE if is_empty or self._goal is None else self._goal
        people = reduce(Box.with_other, boxes)
        if self._goal is not None and self._goal.suits(people, self._min_size):
            return self._goal
        return Crop.around(people, self._min_size)


def num_ahead(frame_bytes: int) -> int:
    """Return how many frames of a size can be looked ahead."""
    return min(MOST_AHEAD, MAX_HELD_BYTES // frame_bytes)
