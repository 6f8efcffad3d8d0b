"""Workers as those see them who hand out jobs, wherever the workers run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from stream.batch.jobs.job import Job, Outcome
from stream.batch.jobs.settings import Settings
from stream.stores.addresses import Place


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is started with: arguments of `Worker`, picklable.

    Attributes:
        folder: see `Worker`, likewise the others.
    """

    folder: Place
    settings: Settings
    recipe: dict[str, Any]
    version: str


@dataclass(frozen=True, slots=True)
class Event:
    """What a worker tells.

    Attributes:
        kind: "ready" (its network is loaded), "told" (a line for people), "at" (how far its video
            is), "done" (with a job), "broken" (it cannot work at all), "ended" (it has died) or
            "lost" (the machine it was on is gone, through no fault of a job).
        number: of a job among those it was given.
        outcome: of that job.
        text: of "ready" the network, else a line for people.
        time_s: of "at".
    """

    kind: Literal["ready", "told", "at", "done", "broken", "ended", "lost"]
    number: int = 0
    outcome: Outcome | None = None
    text: str = ""
    time_s: float = 0.0


class WorkerHandle(ABC):
    """One worker, which has been started."""

    @abstractmethod
    def give(self, jobs: Sequence[Job]) -> None:
        """Hand over jobs; nothing happens where it has ended, which it tells."""

    @abstractmethod
    def next_event(self) -> Event:
        """Return what it tells next, waiting for it."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once."""

    @abstractmethod
    def leave(self) -> None:
        """Let it end when it has done what it was given, and wait for that."""


class WorkerPool(ABC):
    """Where workers come from."""

    @abstractmethod
    def num_places(self) -> int:
        """Return how many there may be; on a cluster that changes."""

    @abstractmethod
    def start(self, place: int) -> WorkerHandle:
        """Start one at a place, by its number from 0; the one before has ended."""

    @abstractmethod
    def with_news(self, workers: Sequence[WorkerHandle], timeout_s: float) -> list[WorkerHandle]:
        """Return those that have something to tell, waiting so long until one has."""
