"""Who does which job, and what becomes of jobs whose workers die; the workers are scripted."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from stream.batch.batch_run import PHOTOS_AT_ONCE, TRIES, BatchRun, Listener
from stream.batch.jobs.job import Job, Outcome
from stream.batch.workers import worker_processes
from stream.batch.workers.worker_pool import Event, WorkerHandle, WorkerPool
from stream.batch.workers.worker_processes import shares_of
from stream.errors import StreamError


class Scripted(WorkerHandle):
    """Does at once what it is given, or dies of it.

    Attributes:
        deadly: names of files that kill whoever does them.
        slow: names of files that nobody ever finishes.
        unlucky: names of files whose machine is gone, the first time they are done.
        given: what was handed over, by all of them.
        were_new: of each file whether its outputs were new, whenever it was handed over.
        is_broken: none can load its network.
        last: of them.
    """

    deadly: set[str]
    slow: set[str]
    unlucky: set[str]
    given: list[list[str]]
    were_new: dict[str, list[bool]]
    is_broken: bool
    last: Scripted

    def __init__(self) -> None:
        Scripted.last = self
        self.events = [Event("broken", text="no memory")] if self.is_broken else [Event("ready")]
        self.is_dead = False

    def give(self, jobs: Sequence[Job]) -> None:
        self.given.append([job.source.name for job in jobs])
        for job in jobs:
            self.were_new.setdefault(job.source.name, []).append(job.is_new)
        for number, job in enumerate(jobs):
            if job.source.name in self.deadly:
                self.events.append(Event("ended", text="was ended by SIGKILL"))
                return
            if job.source.name in self.unlucky:
                self.unlucky.remove(job.source.name)
                self.events.append(Event("lost", text="a machine is gone"))
                return
            if job.source.name in self.slow:
                return
            self.events.append(Event("done", number=number, outcome=Outcome("done", 0.1, 1)))

    def next_event(self) -> Event:
        return self.events.pop(0)

    def kill(self) -> None:
        self.is_dead = True

    def leave(self) -> None:
        assert not self.is_dead


class ScriptedPool(WorkerPool):
    """Scripted workers, as many as there are told to be each time that is asked."""

    def __init__(self, *nums: int) -> None:
        self.nums = list(nums)

    def num_places(self) -> int:
        return self.nums.pop(0) if len(self.nums) > 1 else self.nums[0]

    def start(self, place: int) -> WorkerHandle:
        return Scripted()

    def with_news(self, workers: Sequence[WorkerHandle], timeout_s: float) -> list[WorkerHandle]:
        return [worker for worker in workers if isinstance(worker, Scripted) and worker.events]


@pytest.fixture(autouse=True)
def scripted() -> None:
    Scripted.deadly, Scripted.slow, Scripted.unlucky, Scripted.given = set(), set(), set(), []
    Scripted.is_broken, Scripted.were_new = False, {}


def jobs(*names: str) -> list[Job]:
    return [
        Job(Path(name), (Path("out") / name,), name.endswith(".jpg"), is_new=True) for name in names
    ]


def played(
    names: Sequence[str],
    num_workers: Sequence[int] = (2,),
    limit_s: float | None = None,
    told: list[str] | None = None,
) -> dict[str, Outcome]:
    """Play a batch; returns what came of each file."""
    told = [] if told is None else told
    ended: dict[str, Outcome] = {}

    def done(job: Job, outcome: Outcome) -> None:
        assert job.source.name not in ended
        ended[job.source.name] = outcome

    pool = ScriptedPool(*num_workers)
    BatchRun(jobs(*names), pool, Listener(done, told.append), limit_s).play(threading.Event())
    assert sorted(ended) == sorted(names)
    return ended


@pytest.mark.parametrize("kind", ["deadly", "unlucky", "slow"])
def test_what_an_earlier_try_may_have_made_is_not_new(kind: str) -> None:
    names = [f"{number}.jpg" for number in range(8)]
    setattr(Scripted, kind, {names[0]})
    played(names, (1,), limit_s=0.05)
    first = next(given for given in Scripted.given if names[0] in given)
    again = [name for name in first if len(Scripted.were_new[name]) > 1]
    assert again
    for name in names:
        had = Scripted.were_new[name]
        assert had == [True] + [False] * (len(had) - 1)


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


def test_what_was_done_where_a_machine_is_gone_is_done_elsewhere() -> None:
    Scripted.unlucky = {"7.jpg", "b.mp4"}
    told = list[str]()
    ended = played([*PHOTOS, "a.mp4", "b.mp4"], told=told)
    assert {outcome.state for outcome in ended.values()} == {"done"}
    assert Scripted.given.count(["b.mp4"]) == 2
    assert told.count("a machine is gone") == 1


def test_machines_that_join_are_used() -> None:
    started = list[int]()

    class Pool(ScriptedPool):
        def start(self, place: int) -> WorkerHandle:
            started.append(place)
            return super().start(place)

    ended = list[Job]()
    run = BatchRun(jobs(*PHOTOS), Pool(1, 1, 3), Listener(lambda job, _: ended.append(job)))
    run.play(threading.Event())
    assert len(ended) == len(PHOTOS)
    assert started == [0, 1, 2]


def test_what_takes_too_long_is_given_up() -> None:
    Scripted.slow = {"3.jpg"}
    ended = played(PHOTOS, limit_s=0.05)
    assert ended.pop("3.jpg").error == "3.jpg: took longer than 0.05 s"
    assert {outcome.state for outcome in ended.values()} == {"done"}


def test_workers_that_cannot_work_are_told_once() -> None:
    Scripted.is_broken = True
    with pytest.raises(StreamError, match="no memory"):
        played(PHOTOS)


def test_whoever_stops_it_is_told_while_something_is_under_way() -> None:
    stop, told, before_its_end = threading.Event(), list[str](), list[list[str]]()
    Scripted.slow = {"a.mp4"}

    def turn(under_way: dict[Job, float]) -> None:
        if not under_way:
            return
        stop.set()
        before_its_end.append(list(told))
        if len(before_its_end) == 3:
            Scripted.last.events.append(Event("done", number=0, outcome=Outcome("done", 0.1, 1)))

    listener = Listener(lambda *_: None, told.append, turn)
    BatchRun(jobs("a.mp4", "b.mp4"), ScriptedPool(1), listener).play(stop)
    line = "ending after what is under way; Ctrl-C again ends at once"
    assert before_its_end == [["model: "], *[["model: ", line]] * 2]
    assert told == before_its_end[-1]


def test_stopped_it_ends_after_what_is_under_way() -> None:
    stop, ended = threading.Event(), list[Job]()

    def done(job: Job, outcome: Outcome) -> None:
        ended.append(job)
        stop.set()

    BatchRun(jobs(*PHOTOS), ScriptedPool(1), Listener(done)).play(stop)
    assert len(ended) == PHOTOS_AT_ONCE


@pytest.mark.parametrize(
    ("usable", "allowed", "num_workers", "expected"),
    [
        (4, 4, 1, [[0, 1, 2, 3]]),
        (4, 4, 2, [[0, 1], [2, 3]]),
        (4, 2, 2, [[3], [0]]),
        (4, 3, 1, [[3, 0, 1]]),
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
    monkeypatch.setattr(worker_processes, "usable_processors", lambda: list(range(usable)))
    monkeypatch.setattr(worker_processes.random, "randrange", lambda stop: stop - 1)
    assert shares_of(num_workers, allowed) == expected
