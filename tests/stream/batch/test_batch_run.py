"""Who does which job, and what becomes of jobs whose workers die; the workers are scripted."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from segmentation.segmenter import Options
from stream.batch import batch_run
from stream.batch.batch_run import PHOTOS_AT_ONCE, TRIES, BatchRun, Listener, shares_of
from stream.batch.job import Job, Outcome
from stream.batch.settings import Settings
from stream.batch.worker_processes import Event, Order
from stream.errors import StreamError

ORDER = Order(Path("out"), Settings("portrait", Options()), {}, "1.0")


class Scripted:
    """Stands in for `WorkerProcess`: does at once what it is given, or dies of it.

    Attributes:
        deadly: names of files that kill whoever does them.
        slow: names of files that nobody ever finishes.
        given: what was handed over, by all of them.
        is_broken: none can load its network.
    """

    deadly: set[str]
    slow: set[str]
    given: list[list[str]]
    is_broken: bool

    def __init__(self, order: Order, processors: Sequence[int]) -> None:
        self._events = [Event("broken", text="no memory")] if self.is_broken else [Event("ready")]
        self.is_dead = False

    def give(self, jobs: Sequence[Job]) -> None:
        self.given.append([job.source.name for job in jobs])
        for number, job in enumerate(jobs):
            if job.source.name in self.deadly:
                self._events.append(Event("ended", text="was ended by SIGKILL"))
                return
            if job.source.name in self.slow:
                return
            self._events.append(Event("done", number=number, outcome=Outcome("done", 0.1, 1)))

    def next_event(self) -> Event:
        return self._events.pop(0)

    def kill(self) -> None:
        self.is_dead = True

    def leave(self) -> None:
        assert not self.is_dead

    @staticmethod
    def with_news(workers: Sequence[Scripted], timeout_s: float) -> list[Scripted]:
        return [worker for worker in workers if worker._events]


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_run, "WorkerProcess", Scripted)
    Scripted.deadly, Scripted.slow, Scripted.given = set(), set(), []
    Scripted.is_broken = False


def jobs(*names: str) -> list[Job]:
    return [Job(Path(name), (Path("out") / name,), name.endswith(".jpg")) for name in names]


def played(
    names: Sequence[str], num_workers: int = 2, limit_s: float | None = None
) -> dict[str, Outcome]:
    """Play a batch; returns what came of each file."""
    ended: dict[str, Outcome] = {}

    def done(job: Job, outcome: Outcome) -> None:
        assert job.source.name not in ended
        ended[job.source.name] = outcome

    shares = [[0]] * num_workers
    BatchRun(jobs(*names), ORDER, shares, Listener(done), limit_s).play(threading.Event())
    assert sorted(ended) == sorted(names)
    return ended


PHOTOS = [f"{number}.jpg" for number in range(100)]


def test_photos_share_runs_and_videos_do_not() -> None:
    played([*PHOTOS, "a.mp4", "b.mp4"])
    sizes = [len(names) for names in Scripted.given]
    assert sizes[:2] == [1, 1]
    assert max(sizes) == PHOTOS_AT_ONCE
    assert sizes[-1] == 1  # so that no worker waits long for another at the end


def test_what_kills_its_worker_is_given_up_and_nothing_else() -> None:
    Scripted.deadly = {"7.jpg", "b.mp4"}
    ended = played([*PHOTOS, "a.mp4", "b.mp4"])
    failed = {name for name, outcome in ended.items() if outcome.state == "failed"}
    assert failed == Scripted.deadly
    assert "b.mp4: its worker was ended by SIGKILL, 3 times" in ended["b.mp4"].error
    tries = [names for names in Scripted.given if names == ["b.mp4"]]
    assert len(tries) == TRIES


def test_what_takes_too_long_is_given_up() -> None:
    Scripted.slow = {"3.jpg"}
    ended = played(PHOTOS, limit_s=0.05)
    assert ended.pop("3.jpg").error == "3.jpg: took longer than 0.05 s"
    assert {outcome.state for outcome in ended.values()} == {"done"}


def test_workers_that_cannot_work_are_told_once() -> None:
    Scripted.is_broken = True
    with pytest.raises(StreamError, match="no memory"):
        played(PHOTOS)


def test_stopped_it_ends_after_what_is_under_way() -> None:
    stop, ended = threading.Event(), list[Job]()

    def done(job: Job, outcome: Outcome) -> None:
        ended.append(job)
        stop.set()

    BatchRun(jobs(*PHOTOS), ORDER, [[0]], Listener(done)).play(stop)
    assert len(ended) == PHOTOS_AT_ONCE


@pytest.mark.parametrize(
    ("usable", "allowed", "num_workers", "expected"),
    [
        (4, 4, 1, [[0, 1, 2, 3]]),
        (4, 4, 2, [[0, 1], [2, 3]]),
        (4, 2, 2, [[0], [1]]),
        (2, 2, 4, [[0], [1], [0], [1]]),
        (5, 5, 2, [[0, 1], [2, 3]]),
    ],
)
def test_processors_are_shared_out(
    monkeypatch: pytest.MonkeyPatch,
    usable: int,
    allowed: int,
    num_workers: int,
    expected: list[list[int]],
) -> None:
    monkeypatch.setattr(batch_run, "usable_processors", lambda: list(range(usable)))
    assert shares_of(num_workers, allowed) == expected
