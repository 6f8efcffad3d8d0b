"""Processes that do the jobs of a batch, each with its own network and its share of processors."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

from segmentation.processors import stay_on
from stream.batch.job import Job, Outcome
from stream.batch.settings import Settings


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker process is started with: arguments of `Worker`, picklable.

    Attributes:
        folder: see `Worker`, likewise the others.
    """

    folder: Path
    settings: Settings
    recipe: dict[str, Any]
    version: str


@dataclass(frozen=True, slots=True)
class Event:
    """What a worker process tells.

    Attributes:
        kind: "ready" (its network is loaded), "told" (a line for people), "at" (how far its video
            is), "done" (with a job), "broken" (it cannot work at all) or "ended" (it is gone).
        number: of a job among those it was given.
        outcome: of that job.
        text: of "ready" the network, else a line for people.
        time_s: of "at".
    """

    kind: Literal["ready", "told", "at", "done", "broken", "ended"]
    number: int = 0
    outcome: Outcome | None = None
    text: str = ""
    time_s: float = 0.0


class WorkerProcess:
    """One process; it ends with this one, however that ends.

    Args:
        order: what it is started with.
        processors: those it may use, by their numbers.
    """

    def __init__(self, order: Order, processors: Sequence[int]) -> None:
        """Start it."""
        # fork would copy a process with threads
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, order, processors), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, jobs: Sequence[Job]) -> None:
        """Hand over jobs; nothing happens where it has ended, which it tells."""
        with contextlib.suppress(OSError):
            self._ours.send(list(jobs))

    def next_event(self) -> Event:
        """Return what it tells next, waiting for it."""
        try:
            event: Event = self._ours.recv()
        except (EOFError, OSError):
            self._process.join()
            return Event("ended", text=_why(self._process.exitcode or 0))
        return event

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()

    def leave(self) -> None:
        """Let it end when it has done what it was given, and wait for that."""
        self._ours.close()
        self._process.join()

    @staticmethod
    def with_news(workers: Sequence[WorkerProcess], timeout_s: float) -> list[WorkerProcess]:
        """Return those that have something to tell, waiting so long until one has."""
        connections = {worker._ours: worker for worker in workers}
        ready = wait(list(connections), timeout_s)
        return [worker for connection, worker in connections.items() if connection in ready]


def _why(code: int) -> str:
    """Return how a process ended."""
    if code >= 0:
        return f"ended with {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _work(connection: Connection, order: Order, processors: Sequence[int]) -> None:
    """Do what is handed over, in the process of its own, until nobody hands over any more."""
    # Ctrl-C reaches all processes of a terminal; the first one says what it means
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    stay_on(processors)  # before any library counts them
    lock = threading.Lock()

    def tell(event: Event) -> None:
        with lock, contextlib.suppress(OSError):
            connection.send(event)

    try:
        from stream.batch.worker import Worker

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
    with contextlib.suppress(EOFError, OSError):  # nobody hands over any more
        while True:
            jobs: list[Job] = connection.recv()
            worker.do(
                jobs,
                lambda number, outcome: tell(Event("done", number=number, outcome=outcome)),
                lambda time_s: tell(Event("at", time_s=time_s)),
            )


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
