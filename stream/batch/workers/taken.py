"""Names of outputs that somebody takes while they are made: no batch replaces what has one then."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from segmentation.unfinished import MADE_MEANWHILE
from stream.batch.jobs.job import Job, Outcome
from stream.batch.jobs.records import Records
from stream.batch.jobs.rules import Rules, outcome_before
from stream.batch.jobs.source_state import size_of
from stream.batch.workers.at_hand import Brought
from stream.errors import StreamError
from stream.files.outputs import writing
from stream.stores.addresses import Place

_RECORDED_S = 0.2  # until an output that has just got its name is recorded as well


def stands(output: Path) -> bool:
    """Return whether anything has the name of an output."""
    return os.path.lexists(output)


def check_free(output: Path) -> None:
    """Raise `StreamError` where something has the name of an output that is new."""
    if stands(output):
        with writing(output):
            raise FileExistsError(errno.EEXIST, MADE_MEANWHILE, str(output))


def planned(brought: Brought, records: Records) -> Job:
    """Return a job at hand; its outputs are new no more where another batch made one meanwhile."""
    outputs = (each for each in brought.job.outputs if isinstance(each, Path) and stands(each))
    is_new = brought.here.is_new and all(records.of(each) is None for each in outputs)
    return replace(brought.here, is_new=is_new)


def made_elsewhere(job: Job, records: Records, rules: Rules) -> Outcome | None:
    """Return what came of a new job that another batch has done since, just as it would be done.

    Two that do the same at once, as where one is begun before the one before has ended, do not
    undo each other's work, nor call it somebody's.

    Args:
        job: whose outputs lie on a disk; of others nothing is known here.
        records: of both.
        rules: what counts as done.
    """
    if not job.is_new or not all(isinstance(each, Path) and stands(each) for each in job.outputs):
        return None
    found = ((each, records.of(each)) for each in job.outputs)
    known = {each: record for each, record in found if record is not None}
    try:
        outcome = outcome_before(job, known, job.state(), rules, size_of)
    except (OSError, StreamError):
        return None
    if outcome is None:
        return None
    remark = f"{job.outputs[0]}: another batch made it meanwhile"
    return replace(outcome, remarks=(*outcome.remarks, remark))


def recorded(brought: Iterable[Brought], records: Records) -> set[Place]:
    """Return the outputs of which there is a record."""
    outputs = (output for each in brought for output in each.job.outputs)
    return {output for output in outputs if records.of(output) is not None}


class Taken:
    """Outputs under whose names is what somebody else has made."""

    def __init__(self) -> None:
        """Know of none."""
        self._names: set[str] = set()

    def note(self, error: BaseException | None) -> None:
        """Note the names that were taken meanwhile, where something failed because of that."""
        if isinstance(error, FileExistsError):
            self._names.add(str(error.filename))
        elif isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                self.note(each)
        elif error is not None:
            self.note(error.__cause__)

    def __contains__(self, output: object) -> bool:
        """Return whether the name of an output was taken."""
        return str(output) in self._names

    def made_elsewhere(self, job: Job, records: Records, rules: Rules) -> Outcome | None:
        """Return what came of a job that failed, where all its names were taken by another batch.

        Args:
            job: see `made_elsewhere`, likewise the others.
            records: of both.
            rules: what counts as done.
        """
        if not any(output in self for output in job.outputs):
            return None
        made = made_elsewhere(job, records, rules)
        if made is None:
            time.sleep(_RECORDED_S)
            made = made_elsewhere(job, records, rules)
        return made
