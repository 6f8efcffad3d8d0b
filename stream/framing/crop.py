"""A part of a frame in the frame's own proportions, and where it should lie around people."""

from __future__ import annotations

from typing import NamedTuple, Self

#: The smallest part, of the frame's sides: below that too few pixels are left.
MIN_SIZE = 0.5
#: Of a part's height, how much a head and its shoulders have, and the room over the head.
SHOULDERS, HEAD_ROOM = 0.62, 0.14
#: Of a part's width, how much people next to each other have at most.
ABREAST = 0.62
#: Where people may be without the part moving: how far from the middle, of its width, how much
#: room over the head, and how much larger the part than they need.
DEAD_ZONE = 0.12
LEAST_ROOM, MOST_ROOM = 0.05, 0.3
MOST_SIZE = 1.35
#: What is left at each side of people, of the part.
MARGIN = 0.03


class Box(NamedTuple):
    """A rectangle, of a frame whose sides are 1."""

    left: float
    top: float
    right: float
    bottom: float

    def with_other(self, other: Box) -> Box:
        """Return the smallest one around both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


class Crop(NamedTuple):
    """A part of a frame, in its proportions: left and top, and its side, of the frame's."""

    x: float = 0.0
    y: float = 0.0
    size: float = 1.0

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the frame."""
        return self.size >= 1

    @property
    def box(self) -> Box:
        """The same by its sides."""
        return Box(self.x, self.y, self.x + self.size, self.y + self.size)

    def to_frame(self, at_xy: tuple[int, int], frame_hw: tuple[int, int]) -> tuple[int, int]:
        """Return where a pixel of the part, shown at the frame's size, is in the frame."""
        x = self.x * frame_hw[1] + self.size * (at_xy[0] + 0.5)
        y = self.y * frame_hw[0] + self.size * (at_xy[1] + 0.5)
        return min(int(x), frame_hw[1] - 1), min(int(y), frame_hw[0] - 1)

    @classmethod
    def around(cls, people: Box, min_size: float = MIN_SIZE) -> Self:
        """Return the part in which heads and shoulders are well seen.

        Args:
            people: around their heads and shoulders.
            min_size: it is not smaller.
        """
        height, width = people.bottom - people.top, people.right - people.left
        size = min(1.0, max(height / SHOULDERS, width / ABREAST, min_size))
        x = (people.left + people.right) / 2 - size / 2
        y = people.top - HEAD_ROOM * size
        return cls(min(max(x, 0.0), 1 - size), min(max(y, 0.0), 1 - size), size)

    def holds(self, people: Box, margin: float = 0.0) -> bool:
        """Return whether people are within, so far from its sides; the frame's own are no sides."""
        within, far = self.box, margin * self.size
        return (
            (people.left >= within.left + far or within.left <= 0)
            and (people.top >= within.top + far or within.top <= 0)
            and (people.right <= within.right - far or within.right >= 1)
            and (people.bottom <= within.bottom - far or within.bottom >= 1)
        )

    def suits(self, people: Box, min_size: float = MIN_SIZE) -> bool:
        """Return whether it can stay as it is, around people who have moved a little."""
        best = Crop.around(people, min_size)
        room = (people.top - self.y) / self.size
        is_level = LEAST_ROOM <= room <= MOST_ROOM or abs(best.y - self.y) < LEAST_ROOM * self.size
        across = abs((best.x + best.size / 2) - (self.x + self.size / 2))
        is_near = across <= DEAD_ZONE * self.size and self.size <= MOST_SIZE * best.size
        return is_near and is_level and self.holds(people, MARGIN)


WHOLE = Crop()
