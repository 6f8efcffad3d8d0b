"""Part of a video, by time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """Part of a video, in seconds on the clock of its frames.

    Attributes:
        from_s: frames at this time or later belong to it.
        until_s: frames before this time; `None` where it goes on to the end.
    """

    from_s: float
    until_s: float | None = None

    def __contains__(self, time_s: float) -> bool:
        """Whether a frame of this time belongs to it."""
        return self.from_s <= time_s and (self.until_s is None or time_s < self.until_s)
