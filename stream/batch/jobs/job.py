"""One file of a batch: what becomes of it, and what has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from stream.batch.jobs.section import Section
from stream.batch.jobs.source_state import source_state
from stream.errors import StreamError
from stream.stores.addresses import Place
from stream.stores.file_state import FileState

#: Of an output. A partial one lacks what its damaged input does not give.
State = Literal["done", "partial", "failed"]


@dataclass(frozen=True, slots=True)
class Part:
    """What is one part of a film, of which each is a job of its own.

    Attributes:
        number: from 0 on.
        of: how many there are.
        section: of the film.
        around_s: how many seconds of the film around it are looked at as well.
        endings: of the outputs of the film.
    """

    number: int
    of: int
    section: Section
    around_s: float
    endings: tuple[str, ...]

    def recipe(self) -> dict[str, Any]:
        """Return what its outputs depend on, beside `Settings.recipe`, in JSON's terms."""
        return {"section": [self.section.from_s, self.section.until_s], "around": self.around_s}


@dataclass(frozen=True, slots=True)
class Job:
    """A file and its outputs.

    Attributes:
        source: the file.
        outputs: where it is written to, at least one; below the folder of the batch.
        is_photo: it is one picture, which shares a run of the program with others.
        part: which part of the file it is, `None` where it is all of it.
        parts: the jobs that made the parts of which the outputs are joined; none where they are
            made in one piece.
        listed: the file, as a list of its object store has it; `None` where it lies on a disk.
        is_new: nothing had the names of the outputs when they were planned, and nothing that comes
            there is replaced.
    """

    source: Place
    outputs: tuple[Place, ...]
    is_photo: bool
    part: Part | None = None
    parts: tuple[Job, ...] = ()
    listed: FileState | None = field(default=None, compare=False)
    is_new: bool = field(default=False, compare=False)

    def num_bytes(self) -> int:
        """Return the size of the file, of a part its share; 0 where it is gone."""
        try:
            return self.state().num_bytes // (1 if self.part is None else self.part.of)
        except (OSError, StreamError):
            return 0

    def state(self) -> FileState:
        """Return what the file is, as far as is known without asking an object store again.

        Raises:
            OSError: it is not there.
            StreamError: its object store cannot be asked.
        """
        return self.listed or source_state(self.source)


@dataclass(frozen=True, slots=True)
class Edges:
    """Where a part of a film begins and ends, by the times of frames in seconds.

    Attributes:
        before_s: of the last one before it, `None` where none was seen there.
        first_s: of its first, `None` where it has none.
        last_s: of its last, likewise.
        after_s: of the first one after it, `None` where none was seen there.
        end_s: when its last one ends, where that is the last of the film; else `None`, and where
            that is not known.
    """

    before_s: float | None
    first_s: float | None
    last_s: float | None
    after_s: float | None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job.

    Attributes:
        state: of its outputs.
        seconds: that it took.
        num_frames: that were written.
        duration_s: of a video, `None` of a photo and where it is not known.
        error: why it failed or is partial, in one line; else "".
        edges: of a part.
        remarks: what is not as usual or could not go along, a line each.
    """

    state: State
    seconds: float
    num_frames: int = 0
    duration_s: float | None = None
    error: str = ""
    edges: Edges | None = None
    remarks: tuple[str, ...] = ()
