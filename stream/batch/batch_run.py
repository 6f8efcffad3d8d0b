"""Hands the jobs of a batch to workers, and goes on whatever becomes of these."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from stream.batch.films import Films, Step
from stream.batch.jobs.job import Job, Outcome
from stream.batch.plan import discard_parts
from stream.batch.workers.worker_pool import Event, WorkerHandle, WorkerPool
from stream.errors import StreamError

#: Photos that share a run: each run costs a few milliseconds, each death of a worker all of them.
PHOTOS_AT_ONCE = 16
#: How often a job is begun at most, where the worker that does it dies.
TRIES = 3
_TURN_S = 0.2


@dataclass(slots=True, eq=False)
class _Place:
    """Of a worker, and what it has still to do.

    Attributes:
        worker: `None` where there is none.
        jobs: by their numbers; the first one is under way.
        since_s: when that was begun.
        time_s: how far it is, of a video.
        is_ready: its network is loaded.
    """

    worker: WorkerHandle | None = None
    jobs: dict[int, Job] = field(default_factory=dict)
    since_s: float = 0.0
    time_s: float = 0.0
    is_ready: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what happens, from the thread of the run.

    Attributes:
        on_done: a job, and what came of it.
        on_message: a line for people.
        on_turn: now and then, with how far the videos under way are, in seconds.
        on_part: part of a film, and what came of it.
    """

    on_done: Callable[[Job, Outcome], None]
    on_message: Callable[[str], None] = lambda text: None
    on_turn: Callable[[dict[Job, float]], None] = lambda times: None
    on_part: Callable[[Job, Outcome], None] = lambda job, outcome: None


class BatchRun:
    """Jobs, and the workers that do them.

    Args:
        jobs: to be done, each once.
        pool: where workers come from.
        listener: is told what happens.
        limit_s: how long a job may take, `None` for ever.
        films: of which some of the jobs are parts.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        pool: WorkerPool,
        listener: Listener,
        limit_s: float | None = None,
        films: Films | None = None,
    ) -> None:
        """Start nothing yet."""
        # what takes longest first, so that all workers end at about the same time
        videos = sorted(filter(lambda job: not job.is_photo, jobs), key=Job.num_bytes, reverse=True)
        self._videos = deque(videos)
        self._photos = deque(job for job in jobs if job.is_photo)
        self._alone: deque[Job] = deque()  # those that were under way when a worker died
        self._pool = pool
        self._places = list[_Place]()
        self._listener, self._limit_s, self._films = listener, limit_s, films
        self._deaths: Counter[Job] = Counter()
        self._num_stillborn = 0  # workers in a row that died before their networks were loaded
        self._told: set[str] = set()

    def play(self, stop: threading.Event) -> None:
        """Do all of it; once `stop` is set, nothing more is begun.

        Raises:
            StreamError: no worker can work at all; says why.
            KeyboardInterrupt: somebody has no time; what is under way is given up.
        """
        try:
            while self._turn(stop):
                pass
        except BaseException:
            under_way = [job for place in self._places for job in place.jobs.values()]
            for worker in self._workers():
                worker.kill()
            discard_parts(under_way)
            raise
        for worker in self._workers():
            worker.leave()

    def _workers(self) -> dict[WorkerHandle, _Place]:
        return {place.worker: place for place in self._places if place.worker is not None}

    def _turn(self, stop: threading.Event) -> bool:
        """Hand out work and hear what comes of it; returns whether there is more to do."""
        is_left = not stop.is_set() and self._num_left() > 0
        if is_left:
            self._start()
            for place in self._places:
                if place.is_ready and not place.jobs:
                    self._hand_over(place)
        workers = self._workers()
        for worker in self._pool.with_news(list(workers), _TURN_S):
            self._hear(workers[worker], worker.next_event())
        self._check_times()
        under_way = [place for place in self._places if place.jobs]
        if under_way and stop.is_set():
            self._tell_once("ending after what is under way; Ctrl-C again ends at once")
        self._listener.on_turn(
            {next(iter(place.jobs.values())): place.time_s for place in under_way}
        )
        return bool(under_way) or (not stop.is_set() and self._num_left() > 0)

    def _num_left(self) -> int:
        return len(self._alone) + len(self._videos) + len(self._photos)

    def _start(self) -> None:
        """Start workers where there are none, and something for them to do."""
        while len(self._places) < self._pool.num_places():
            self._places.append(_Place())
        num_waiting = sum(place.worker is not None and not place.jobs for place in self._places)
        for number, place in enumerate(self._places):
            if place.worker is None and num_waiting < self._num_left():
                place.worker = self._pool.start(number)
                num_waiting += 1

    def _hand_over(self, place: _Place) -> None:
        jobs = self._next_jobs()
        if jobs and place.worker is not None:
            place.jobs, place.since_s, place.time_s = dict(enumerate(jobs)), time.monotonic(), 0.0
            place.worker.give(jobs)

    def _next_jobs(self) -> list[Job]:
        for alone in (self._alone, self._videos):
            if alone:
                return [alone.popleft()]
        at_once = max(1, min(PHOTOS_AT_ONCE, len(self._photos) // (2 * len(self._places))))
        return [self._photos.popleft() for _ in range(min(at_once, len(self._photos)))]

    def _hear(self, place: _Place, event: Event) -> None:
        match event.kind:
            case "ready":
                place.is_ready, self._num_stillborn = True, 0
                self._tell_once(f"model: {event.text}")
            case "told":
                self._tell_once(event.text)
            case "at":
                place.time_s = event.time_s
            case "done":
                job, place.since_s = place.jobs.pop(event.number), time.monotonic()
                assert event.outcome is not None
                self._ended(job, event.outcome)
            case "broken":
                raise StreamError(event.text)
            case "ended":
                self._put_back(place, event.text)
            case "lost":
                self._tell_once(event.text)
                self._go_on_elsewhere(place)

    def _ended(self, job: Job, outcome: Outcome) -> None:
        """Tell what came of a job, and go on with what follows from it."""
        step = Step(ended=(job, outcome)) if self._films is None else self._films.take(job, outcome)
        if step.told:
            self._listener.on_message(step.told)
        if step.drop:
            self._videos = deque(each for each in self._videos if each not in step.drop)
            self._alone = deque(each for each in self._alone if each not in step.drop)
        self._videos.extendleft(step.begin)
        if step.ended is None:
            self._listener.on_part(job, outcome)
        else:
            self._listener.on_done(*step.ended)

    def _tell_once(self, text: str) -> None:
        """Tell what every worker says, once."""
        if text not in self._told:
            self._told.add(text)
            self._listener.on_message(text)

    def _put_back(self, place: _Place, why: str) -> None:
        """Put back the jobs of a worker that has died; another one will take its place."""
        jobs = _begun(place)
        if not place.is_ready:
            self._num_stillborn += 1
            if self._num_stillborn >= TRIES:
                raise StreamError(
                    f"a worker {why} as it loaded its network, {TRIES} times; is there enough "
                    "memory?"
                )
        place.worker, place.is_ready, place.jobs = None, False, {}
        if not jobs:
            return
        discard_parts(jobs)
        first, *others = jobs
        self._deaths[first] += 1
        if self._deaths[first] < TRIES:
            self._alone.append(first)
        else:
            reason = f"{first.source}: its worker {why}, {TRIES} times; is there enough memory?"
            self._ended(first, Outcome("failed", 0.0, error=reason))
        # whose fault it was is not known where several shared a run
        self._alone.extend(others)

    def _go_on_elsewhere(self, place: _Place) -> None:
        """Put back the jobs of a worker whose machine is gone, which none of them can help."""
        jobs = _begun(place)
        place.worker, place.is_ready, place.jobs = None, False, {}
        discard_parts(jobs)
        self._videos.extendleft(job for job in jobs if not job.is_photo)
        self._photos.extendleft(job for job in jobs if job.is_photo)

    def _check_times(self) -> None:
        """Give up jobs that take too long."""
        if self._limit_s is None:
            return
        for place in self._places:
            if place.jobs and time.monotonic() - place.since_s > self._limit_s:
                late, *others = _begun(place)
                self._kill(place)
                discard_parts([late])
                reason = f"{late.source}: took longer than {self._limit_s:g} s"
                self._ended(late, Outcome("failed", self._limit_s, error=reason))
                self._alone.extend(others)

    def _kill(self, place: _Place) -> None:
        if place.worker is not None:
            place.worker.kill()
        place.worker, place.is_ready, place.jobs = None, False, {}


def _begun(place: _Place) -> list[Job]:
    """Return the jobs of a worker, of whose outputs some may have their names by now."""
    return [replace(job, is_new=False) for job in place.jobs.values()]
