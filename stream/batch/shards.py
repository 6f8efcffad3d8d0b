"""Which part of a batch this process does, of several that were started with the same list."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stream.batch.jobs.job import Job


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several equal parts.

    Attributes:
        number: from 0 on.
        of: how many there are.
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def jobs(self, jobs: Sequence[Job]) -> list[Job]:
        """Return its part of jobs in a fixed order: every `of`th."""
        return list(jobs[self.number :: self.of])


def parse_shard(text: str | None, environment: Mapping[str, str] = os.environ) -> Shard:
    """Return the part that is asked for, by name or by whoever started this process.

    Args:
        text: "I/N", I from 0 to N - 1; "/N" where Kubernetes says which; `None` for all of it, or
            where Slurm started an array, for the part of this task.
        environment: variables.

    Raises:
        ValueError: it says something else, or not enough.
    """
    index = environment.get("JOB_COMPLETION_INDEX")  # of a Job of Kubernetes, from 0 on
    if text is None and "SLURM_ARRAY_TASK_COUNT" in environment:
        names = ("ID", "MIN", "STEP", "COUNT")
        number, first, step, count = (
            int(environment.get(f"SLURM_ARRAY_TASK_{name}", "1")) for name in names
        )
        return _checked((number - first) // step, count, text)
    if text is None and index is not None:
        raise ValueError("Kubernetes says which part this is, but not of how many: add --shard /N")
    if text is None:
        return Shard(0, 1)
    match = re.fullmatch(r"(\d*)/(\d+)", text)
    if match is None or not (match[1] or index):
        raise ValueError(f"must be I/N such as 0/8, got {text!r}")
    return _checked(int(match[1] or index or 0), int(match[2]), text)


def _checked(number: int, of: int, text: str | None) -> Shard:
    if not 0 <= number < of:
        raise ValueError(f"the parts of {of} are 0 to {of - 1}, got {text or number}")
    return Shard(number, of)
