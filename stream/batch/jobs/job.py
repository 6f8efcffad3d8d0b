"""One file of a batch: what becomes of it, and what has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: Of an output. A partial one lacks what its damaged input does not give.
State = Literal["done", "partial", "failed"]


@dataclass(frozen=True, slots=True)
class Job:
    """A file and its outputs.

    Attributes:
        source: the file.
        outputs: where it is written to, at least one; below the folder of the batch.
        is_photo: it is one picture, which shares a run of the program with others.
    """

    source: Path
    outputs: tuple[Path, ...]
    is_photo: bool

    def num_bytes(self) -> int:
        """Return the size of the file, 0 where it is gone."""
        try:
            return self.source.stat().st_size
        except OSError:
            return 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job.

    Attributes:
        state: of its outputs.
        seconds: that it took.
        num_frames: that were written.
        duration_s: of a video, `None` of a photo and where it is not known.
        error: why it failed or is partial, in one line; else "".
    """

    state: State
    seconds: float
    num_frames: int = 0
    duration_s: float | None = None
    error: str = ""
