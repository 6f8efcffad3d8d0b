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
