"""Films that are done in parts: what follows from the end of each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stream.batch.jobs.job import Job, Outcome
from stream.batch.jobs.part_files import discard_part_files
from stream.stores.addresses import Place


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
    one piece instead: what is wrong with it comes out then as it does of every other.

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
            return self._whole(film, outcome)
        if job in self._joining:
            discard_part_files(film, self._folder)
            return Step(ended=(film, outcome))
        self._left[film].discard(job)
        joining = tuple(each for each, its_film in self._joining.items() if its_film == film)
        return Step() if self._left[film] else Step(begin=joining)

    def _whole(self, film: Job, outcome: Outcome) -> Step:
        del self._left[film]
        discard_part_files(film, self._folder)
        told = f"{film.source}: done in one piece, for its parts do not do ({outcome.error})"
        parts = frozenset(part for part, its_film in self._film.items() if its_film == film)
        return Step((film,), parts, told=told)
