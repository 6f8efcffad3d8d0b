"""Workers of a batch in the process of the test: they do what others do, without their start."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from segmentation.loading import load
from segmentation.segmenter import Options, Segmenter
from stream.batch.jobs.job import Job
from stream.batch.workers import worker, worker_processes
from stream.batch.workers.worker import Worker
from stream.batch.workers.worker_pool import Event, Order, WorkerHandle, WorkerPool

#: Told of each job, with its number of those that are done so far, before it is begun.
OnJob = Callable[[int, Job], None]


class WorkerHere(WorkerHandle):
    """One that does at once what it is given.

    Args:
        done_by: how it does one.
        on_job: see `OnJob`.
        numbers: of the jobs.
    """

    def __init__(self, done_by: Worker, on_job: OnJob, numbers: Iterator[int]) -> None:
        self._worker, self._on_job, self._numbers = done_by, on_job, numbers
        self.events = deque([Event("ready", text=done_by.network)])

    def give(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._on_job(next(self._numbers), job)
        self._worker.do(
            jobs,
            lambda number, outcome: self.events.append(
                Event("done", number=number, outcome=outcome)
            ),
            lambda time_s: None,
        )

    def next_event(self) -> Event:
        return self.events.popleft()

    def kill(self) -> None:
        self._worker.close()

    def leave(self) -> None:
        self._worker.close()


class PoolHere(WorkerPool):
    """As many as processes would be."""

    def __init__(self, order: Order, num: int, on_job: OnJob) -> None:
        self._order, self._num, self._on_job = order, num, on_job
        self._numbers = iter(range(1_000_000))

    def num_places(self) -> int:
        return self._num

    def start(self, place: int) -> WorkerHandle:
        order = self._order
        made = Worker(order.folder, order.settings, order.recipe, order.version)
        return WorkerHere(made, self._on_job, self._numbers)

    def with_news(self, workers: Sequence[WorkerHandle], timeout_s: float) -> list[WorkerHandle]:
        return [each for each in workers if isinstance(each, WorkerHere) and each.events]


def work_here(patch: pytest.MonkeyPatch, on_job: OnJob = lambda number, job: None) -> None:
    """Let batches of this process be done here, by networks that stay loaded.

    Args:
        patch: undoes it.
        on_job: see `OnJob`.
    """

    def pool(order: Order, shares: Sequence[Any]) -> PoolHere:
        return PoolHere(order, len(shares), on_job)

    patch.setattr(worker_processes, "ProcessPool", pool)
    patch.setattr(worker, "load", _loaded)


def _loaded(model: str, options: Options, on_message: Callable[[str], None]) -> Segmenter:
    key = model, repr(options)
    if key not in _LOADED:
        _LOADED[key] = load(model, options, on_message=on_message)
    return _LOADED[key]


_LOADED: dict[tuple[str, str], Segmenter] = {}
