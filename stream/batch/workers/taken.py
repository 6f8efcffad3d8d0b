"""Names of outputs that somebody takes while they are made: no batch replaces what has one then."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

from segmentation.unfinished import MADE_MEANWHILE
from stream.batch.jobs.job import Job
from stream.batch.jobs.records import Records
from stream.batch.workers.at_hand import Brought
from stream.files.outputs import writing


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


class Taken:
    """Jobs under whose names is what somebody else has made.

    Attributes:
        jobs: of outputs that are not known to be of the batch.
    """

    def __init__(self) -> None:
        """Know of none."""
        self.jobs: set[Job] = set()

    def note(self, job: Job, error: BaseException | None) -> bool:
        """Note a job where it failed because a name was taken meanwhile; returns whether it did."""
        while error is not None and not isinstance(error, FileExistsError):
            error = error.__cause__
        if error is not None:
            self.jobs.add(job)
        return error is not None
