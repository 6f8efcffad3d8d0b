"""Processes that do the jobs of a batch, each with its own network and its share of processors."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from segmentation.own_process import ALL_ENDING, follow_parent, starting
from segmentation.processors import stay_on, usable_processors
from stream.batch.jobs.job import Job
from stream.batch.workers.worker_pool import Event, Order, WorkerHandle, WorkerPool

if TYPE_CHECKING:
    from stream.batch.workers.worker import Worker


class ProcessPool(WorkerPool):
    """Processes on this machine.

    Args:
        order: what they are started with.
        shares: for each the processors that it may use, by their numbers.
    """

    def __init__(self, order: Order, shares: Sequence[Sequence[int]]) -> None:
        """Start none yet."""
        self._order, self._shares = order, shares

    def num_places(self) -> int:
        """See `WorkerPool`."""
        return len(self._shares)

    def start(self, place: int) -> WorkerHandle:
        """See `WorkerPool`."""
        return WorkerProcess(self._order, self._shares[place])

    def with_news(self, workers: Sequence[WorkerHandle], timeout_s: float) -> list[WorkerHandle]:
        """See `WorkerPool`."""
        connections = {
            worker.connection: worker for worker in workers if isinstance(worker, WorkerProcess)
        }
        ready = wait(list(connections), timeout_s)
        return [worker for connection, worker in connections.items() if connection in ready]


class WorkerProcess(WorkerHandle):
    """One process; it ends with this one, however that ends.

    Args:
        order: what it is started with.
        processors: those it may use, by their numbers.

    Attributes:
        connection: becomes readable when it has something to tell.
    """

    def __init__(self, order: Order, processors: Sequence[int]) -> None:
        """Start it."""
        # fork would copy a process with threads
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, order, processors), daemon=True)
        with starting(ALL_ENDING):
            self._process.start()
        theirs.close()

    def give(self, jobs: Sequence[Job]) -> None:
        """See `WorkerHandle`."""
        with contextlib.suppress(OSError):
            self.connection.send(list(jobs))

    def next_event(self) -> Event:
        """See `WorkerHandle`."""
        try:
            event: Event = self.connection.recv()
        except (EOFError, OSError):
            self._process.join()
            return Event("ended", text=_why(self._process.exitcode or 0))
        return event

    def kill(self) -> None:
        """See `WorkerHandle`."""
        self._process.kill()
        self._process.join()

    def leave(self) -> None:
        """See `WorkerHandle`."""
        self.connection.close()
        self._process.join()


def shares_of(num_workers: int, num_allowed: int) -> list[list[int]]:
    """Return for each worker the processors that it may use.

    Args:
        num_workers: that share them.
        num_allowed: how many may be kept busy in all; of those that there are to run on.
    """
    usable = usable_processors()
    if num_allowed < len(usable):
        # libraries and encoders count what they may run on; other containers do the same here
        first = random.randrange(len(usable))
        usable = (usable[first:] + usable[:first])[:num_allowed]
    if num_workers == 1:
        return [usable]
    size = max(1, len(usable) // num_workers)
    ring = usable * (num_workers * size // len(usable) + 1)
    return [ring[size * number : size * (number + 1)] for number in range(num_workers)]


def _why(code: int) -> str:
    """Return how a process ended."""
    if code >= 0:
        return f"ended with {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _work(connection: Connection, order: Order, processors: Sequence[int]) -> None:
    """Do what is handed over, in the process of its own, until nobody hands over any more."""
    follow_parent(ALL_ENDING)
    stay_on(processors)  # before any library counts them
    lock = threading.Lock()

    def tell(event: Event) -> None:
        with lock, contextlib.suppress(OSError):
            connection.send(event)

    try:
        from stream.batch.workers.worker import Worker

        worker = Worker(
            order.folder,
            order.settings,
            order.recipe,
            order.version,
            lambda text: tell(Event("told", text=text)),
        )
    except Exception as error:
        tell(Event("broken", text=" ".join(str(error).split()) or type(error).__name__))
        return
    tell(Event("ready", text=worker.network))
    with contextlib.closing(worker):
        do_orders(connection, worker, tell)


def do_orders(connection: Connection, worker: Worker, tell: Callable[[Event], None]) -> None:
    """Let a worker do what comes, until nobody hands over any more.

    Args:
        connection: to who hands over.
        worker: does it.
        tell: is told of it.
    """
    while True:
        try:
            jobs: list[Job] = connection.recv()
        except (EOFError, OSError):  # of the connection alone: not of what the worker does
            return
        worker.do(
            jobs,
            lambda number, outcome: tell(Event("done", number=number, outcome=outcome)),
            lambda time_s: tell(Event("at", time_s=time_s)),
        )
