"""A crop that follows people as they move: of a camera, which knows no more than the past."""

from __future__ import annotations

import math

from stream.framing.crop import DEAD_ZONE, WHOLE, Box, Crop

#: The most that a side moves from one frame to the next, of the frame's width or height.
MAX_STEP = 0.009
#: The most that it becomes faster from one frame to the next, and where people would leave it.
CALM_CHANGE, HURRIED_CHANGE = 0.001, 0.003
#: How soon a crop comes to its goal, in 1/s, and where people would leave it before.
CALM, HURRIED = 3.5, 9.0
#: How far ahead it is guessed where people go, and over how long their speed is averaged.
AHEAD_S, SPEED_S = 0.4, 0.25
#: Nearer to a side than this, of the crop, people would leave it.
HURRY_MARGIN = 0.02
#: Their places are averaged over so long.
SETTLE_S = 0.12
#: Without people for so long all of the frame is shown.
ABSENCE_S = 1.5
#: Nearer than this to its goal, and slower than as much a second, a crop is there.
NEAR = 5e-4
#: A longer time between two frames is taken for this one.
MAX_FRAME_S = 0.1


class Following:
    """The crop of each frame of one stream, one after the other.

    It stands still as long as the people stay in a zone around the place that is best for them.
    Once they have left it, it moves, as a damped spring does, and follows until it has come to
    rest in the best place. Where they would come near its sides it hurries; no side moves more
    than `MAX_STEP` from one frame to the next, so whoever moves faster than that leaves it.
    """

    def __init__(self) -> None:
        """Begin with all of the frame."""
        self._crop = self._goal = WHOLE
        self._velocity = (0.0, 0.0, 0.0)
        self._is_moving = False
        self._people: Box | None = None
        self._speed = Box(0.0, 0.0, 0.0, 0.0)
        self._time_s, self._seen_s = math.inf, -math.inf
        self._fastest = 0.0  # of the sides, in the step before
        self._take = 0

    def crop(
        self, people: Box | None, time_s: float, take: int, *, is_known: bool, is_wanted: bool
    ) -> Crop:
        """Return the crop of the next frame.

        Args:
            people: around their heads and shoulders, `None` where nobody is.
            time_s: of the frame.
            take: where it differs from that of the frame before, people are looked for anew.
            is_known: whether there is a mask; without one the goal stays.
            is_wanted: else all of the frame becomes the goal.
        """
        step_s = min(max(time_s - self._time_s, 1e-3), MAX_FRAME_S)
        self._time_s = time_s
        if take != self._take:
            self._take, self._people = take, None
        hurried = False
        if not is_wanted:
            self._goal, self._people = WHOLE, None
        elif is_known and people is not None:
            hurried = self._aim(self._watch(people, step_s), people)
            self._seen_s = time_s
        elif is_known and time_s - self._seen_s > ABSENCE_S:
            self._goal, self._people = WHOLE, None
        self._move(step_s, hurried=hurried)
        return self._crop

    def _watch(self, people: Box, step_s: float) -> Box:
        """Return where people are and will soon be, by how they moved."""
        if self._people is None:
            self._people, self._speed = people, Box(0.0, 0.0, 0.0, 0.0)
        news = 1 - math.exp(-step_s / SETTLE_S)
        before = self._people
        calm = Box(*(a + news * (b - a) for a, b in zip(before, people, strict=True)))
        news = 1 - math.exp(-step_s / SPEED_S)
        self._speed = Box(
            *(
                speed + news * ((b - a) / step_s - speed)
                for speed, a, b in zip(self._speed, before, calm, strict=True)
            )
        )
        self._people = calm
        soon = Box(*(a + AHEAD_S * v for a, v in zip(calm, self._speed, strict=True)))
        return calm.with_other(Box(*(min(max(side, 0.0), 1.0) for side in soon)))

    def _aim(self, people: Box, now: Box) -> bool:
        """Choose the goal; returns whether there is no time to lose."""
        best = Crop.around(people)
        if self._is_moving:
            middle = best.x + best.size / 2 - self._goal.x - self._goal.size / 2
            follows = abs(middle) > DEAD_ZONE / 4 * best.size
            self._goal = best if follows or not self._goal.suits(people) else self._goal
        elif not self._goal.suits(people):
            self._goal = best
        return not self._crop.holds(now.with_other(people), HURRY_MARGIN)

    def _move(self, step_s: float, *, hurried: bool) -> None:
        """Go on towards the goal, by the step of a critically damped spring."""
        pull, change = (HURRIED, HURRIED_CHANGE) if hurried else (CALM, CALM_CHANGE)
        distance = [goal - now for goal, now in zip(self._goal, self._crop, strict=True)]
        speed = max(map(abs, self._velocity))
        if max(map(abs, distance)) < NEAR and speed < NEAR:
            self._crop, self._velocity, self._is_moving = self._goal, (0.0, 0.0, 0.0), False
            self._fastest = 0.0
            return
        self._is_moving = True
        # its exact solution, which overshoots at no length of step
        fall = math.exp(-pull * step_s)
        steps, velocities = [], []
        for far, velocity in zip(distance, self._velocity, strict=True):
            gain = velocity - pull * far
            steps.append(far + (-far + gain * step_s) * fall)
            velocities.append((velocity - pull * gain * step_s) * fall)
        x, y, size = steps
        most = min(MAX_STEP, self._fastest + change)
        fastest = max(abs(x), abs(y), abs(x + size), abs(y + size))
        share = most / max(most, fastest)
        self._fastest = fastest * share
        if share < 1:
            velocities = [step * share / step_s for step in steps]
        self._velocity = (velocities[0], velocities[1], velocities[2])
        self._crop = _within(
            self._crop.x + x * share, self._crop.y + y * share, self._crop.size + size * share
        )


def _within(x: float, y: float, size: float) -> Crop:
    """Return a crop that does not leave the frame."""
    size = min(size, 1.0)
    return Crop(min(max(x, 0.0), 1 - size), min(max(y, 0.0), 1 - size), size)
