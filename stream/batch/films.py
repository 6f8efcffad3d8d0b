"""Films that are done in parts: what follows from the end of each part."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stream.batch.jobs.job import Job, Outcome
from stream.batch.jobs.part_files import discard_part_files
from stream.errors import StreamError
from stream.stores.addresses import Place

#: Why nothing can be written where the outputs lie, whatever becomes of the film.
_NO_ROOM = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EROFS)))


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from the end of a job.

    Attributes:
        begin: jobs that can be done now.
        drop: jobs that need not be done any more.
        ended: a job of the batch, and what came of it.
        told: a line for people, "" where there is nothing to say.
    """

    begin: tuple[Job, ...] = ()
    drop: frozenset[Job] = frozenset()
    ended: tuple[Job, Outcome] | None = None
    told: str = ""


class Films:
    """Knows of the films of a batch which parts are there.

    When all are, they are joined. Where one fails, or they cannot be joined, the film is done in
    one piece instead: what is wrong with it comes out then as it does of every other. Where nothing
    can be written any more, it fails and its parts stay for the next time.

    Args:
        parts: of each film the jobs that make its parts, in order.
        folder: of the batch.
    """

    def __init__(self, parts: Mapping[Job, Sequence[Job]], folder: Place) -> None:
        """Know of none that is there."""
        self._folder = folder
        self._left = {film: set(of_film) for film, of_film in parts.items()}
        self._film = {part: film for film, of_film in parts.items() for part in of_film}
        self._joining = {
            replace(film, parts=tuple(of_film)): film for film, of_film in parts.items()
        }

    def take(self, job: Job, outcome: Outcome) -> Step:
        """Take note of a job that has ended."""
        film = self._film.get(job) or self._joining.get(job)
        if film is None:
            return Step(ended=(job, outcome))
        if film not in self._left:  # it is done in one piece by now
            return Step()
        if outcome.state == "failed":
            end = self._failed if _lacks_room(job, outcome) else self._whole
            return end(film, outcome)
        if job in self._joining:
            return Step(ended=(film, outcome), told=self._discarded(film))
        self._left[film].discard(job)
        joining = tuple(each for each, its_film in self._joining.items() if its_film == film)
        return Step() if self._left[film] else Step(begin=joining)

    def _failed(self, film: Job, outcome: Outcome) -> Step:
        del self._left[film]
        error = f"{outcome.error}; the parts that are made stay for the next time"
        return Step(drop=self._parts(film), ended=(film, replace(outcome, error=error)))

    def _whole(self, film: Job, outcome: Outcome) -> Step:
        del self._left[film]
        told = f"{film.source}: done in one piece, for its parts do not do ({outcome.error})"
        more = self._discarded(film)
        return Step((film,), self._parts(film), told=f"{told}; {more}" if more else told)

    def _discarded(self, film: Job) -> str:
        """Delete the parts of a film; returns what there is to tell of that."""
        try:
            discard_part_files(film, self._folder)
        except StreamError as error:  # others go on; the end of the batch tries again
            return f"{film.source}: its parts cannot be deleted yet ({error})"
        return ""

    def _parts(self, film: Job) -> frozenset[Job]:
        return frozenset(part for part, its_film in self._film.items() if its_film == film)


def _lacks_room(job: Job, outcome: Outcome) -> bool:
    """Whether a job failed because nothing can be written where its outputs lie."""
    told = (*_NO_ROOM, *(f"{output}: cannot be written" for output in job.outputs))
    return any(text in outcome.error for text in told)
