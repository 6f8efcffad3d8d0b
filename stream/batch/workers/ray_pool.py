"""Workers on the machines of a Ray cluster: an actor each, around a process as one machine has it.

Ray (extra `batch`) decides where an actor runs and tells when its machine is gone; who does which
job, and how often it is tried, is decided by `BatchRun` as for one machine. Paths travel, and must
mean the same on every machine; frames never do.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

from segmentation.processors import usable_processors
from stream.batch.jobs.job import Job
from stream.batch.jobs.settings import Settings
from stream.batch.workers.worker_pool import Event, Order, WorkerHandle, WorkerPool
from stream.batch.workers.worker_processes import ProcessPool
from stream.batch.workers.workers_needed import memory_needed, wants_gpu
from stream.errors import StreamError
from stream.stores.addresses import absolute
from stream.version import VERSION

#: How often the cluster is asked how large it is.
_LOOK_S = 5.0
#: After that a line says that no machine has room.
_PATIENCE_S = 30.0
#: How long it may take to reach a cluster.
_REACH_S = 5.0
#: How long an actor waits for its process to tell something.
_NEWS_S = 1.0
#: What an actor gathers meanwhile is told together.
_GATHER_S = 0.1


class Host:
    """What an actor is: a process that works, on the machine Ray chose.

    Args:
        order: what it is started with.

    Raises:
        RuntimeError: another version of the program is installed here.
    """

    def __init__(self, order: Order) -> None:
        """Start the process."""
        if order.version != VERSION:
            name = socket.gethostname()
            raise RuntimeError(f"{name} has maskcast {VERSION}, this is {order.version}")
        self._claims, processors = _claim_processor()
        self._pool = ProcessPool(order, [processors])
        self._worker = self._pool.start(0)

    def exchange(self, jobs: Sequence[Job]) -> tuple[str, list[Event]]:
        """Hand over jobs, if there are any, and hear what the process tells, if it does.

        Returns:
            Ray's name of this machine, and what was told.
        """
        import ray

        if jobs:
            self._worker.give(jobs)
        events, wait_s = list[Event](), _NEWS_S
        while self._pool.with_news([self._worker], wait_s):
            events.append(self._worker.next_event())
            wait_s = _GATHER_S
            if events[-1].kind in ("ended", "broken", "done"):
                break
        return ray.get_runtime_context().get_node_id(), events


class RayWorker(WorkerHandle):
    """An actor, seen from the driver.

    Args:
        ray: the module.
        actor: a `Host`.

    Attributes:
        begun_s: when it was asked for.
        is_ready: its network is loaded.
        answer: what it owes, `None` where it was asked nothing.
        events: it has told, and nobody has heard yet.
    """

    def __init__(self, ray: Any, actor: Any) -> None:
        """Wait for its network."""
        self._ray, self._actor = ray, actor
        self._node = ""
        self._num_open = 0  # jobs that it has
        self.begun_s = time.monotonic()
        self.is_ready = False
        self.answer: Any = actor.exchange.remote([])
        self.events = deque[Event]()

    def give(self, jobs: Sequence[Job]) -> None:
        """See `WorkerHandle`."""
        self._num_open = len(jobs)
        self.answer = self._actor.exchange.remote([_with_whole_paths(job) for job in jobs])

    def next_event(self) -> Event:
        """See `WorkerHandle`."""
        while not self.events:
            self.take_answer()
        return self.events.popleft()

    def take_answer(self) -> None:
        """Take what it tells, and ask again as long as more will come."""
        exceptions = self._ray.exceptions
        try:
            self._node, events = self._ray.get(self.answer)
        except exceptions.RayError as error:
            events = [self._failure(error)]
        self.events.extend(events)
        self.is_ready |= any(event.kind == "ready" for event in events)
        self._num_open -= sum(event.kind == "done" for event in events)
        is_gone = any(event.kind in ("ended", "broken", "lost") for event in events)
        if is_gone:
            self.kill()  # it may merely be out of reach
        more = not is_gone and (self._num_open > 0 or not self.is_ready)
        self.answer = self._actor.exchange.remote([]) if more else None

    def _failure(self, error: Any) -> Event:
        """Return what it means that it does not answer."""
        exceptions = self._ray.exceptions
        if isinstance(error, exceptions.RayTaskError) or getattr(error, "actor_init_failed", False):
            return Event("broken", text=_last_line(error))
        is_there = any(node["NodeID"] == self._node for node in alive(self._ray))
        if isinstance(error, exceptions.ActorDiedError) and (is_there or not self._node):
            return Event("ended", text="was ended from outside")
        return Event("lost", text="a machine of the cluster is gone; its files are done elsewhere")

    def kill(self) -> None:
        """See `WorkerHandle`."""
        self._ray.kill(self._actor)

    def leave(self) -> None:
        """See `WorkerHandle`; it has nothing left to do."""
        self.kill()


class RayPool(WorkerPool):
    """The machines of a cluster that runs already.

    Args:
        address: "auto", as Ray finds it on this machine, or HOST:PORT.
        order: what workers are started with.
        max_workers: at most so many, `None` for as many as there is room for.
        on_message: told when the cluster has no room.

    Raises:
        ImportError: Ray is not installed.
        StreamError: there is no cluster at this address.
    """

    def __init__(
        self,
        address: str,
        order: Order,
        max_workers: int | None,
        on_message: Callable[[str], None],
    ) -> None:
        """Become part of the cluster."""
        self._ray = _joined(address)
        self._order = replace(
            order,
            folder=absolute(order.folder),
            settings=_with_whole_files(order.settings),
        )
        self._max_workers, self._on_message = max_workers, on_message
        self._needs: dict[str, float] = {
            "num_cpus": 1,
            "num_gpus": int(self._has_gpus() and wants_gpu(order.settings)),
            "memory": memory_needed(order.settings),
        }
        self._head: str = self._ray.get_runtime_context().gcs_address
        self._num_places, self._looked_s = 0, float("-inf")
        self._is_told = False  # that no machine has room

    def __enter__(self) -> RayPool:
        """Keep Ray's own notes from standard output, where programs read what was done."""
        self._notes = ExitStack()
        nowhere = self._notes.enter_context(open(os.devnull, "w"))
        self._notes.enter_context(redirect_stdout(nowhere))
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the cluster, which ends what it still does for this process."""
        self._ray.shutdown()
        self._notes.close()

    def num_places(self) -> int:
        """See `WorkerPool`; by what each machine of the cluster has."""
        if time.monotonic() - self._looked_s > _LOOK_S:
            self._looked_s = time.monotonic()
            self._check_head()
            room = sum(self._room_on(node["Resources"]) for node in alive(self._ray))
            most = room if self._max_workers is None else min(room, self._max_workers)
            self._num_places = max(1, most)  # where there is no room, one waits for it
        return self._num_places

    def start(self, place: int) -> WorkerHandle:
        """See `WorkerPool`."""
        # what dies is begun anew by whoever handed out its jobs, who knows which of them are done
        remote = self._ray.remote(**self._needs, max_restarts=0, max_task_retries=0)(Host)
        return RayWorker(self._ray, remote.remote(self._order))

    def with_news(self, workers: Sequence[WorkerHandle], timeout_s: float) -> list[WorkerHandle]:
        """See `WorkerPool`."""
        ours = [worker for worker in workers if isinstance(worker, RayWorker)]
        self._tell_if_no_room(ours)
        if any(worker.events for worker in ours):
            timeout_s = 0.0
        asked = {worker.answer: worker for worker in ours if worker.answer is not None}
        if not asked:
            time.sleep(timeout_s)
        answers, _ = self._ray.wait(list(asked), timeout=timeout_s) if asked else ([], [])
        for answer in answers:
            asked[answer].take_answer()
        return [worker for worker in ours if worker.events]

    def _check_head(self) -> None:
        """Raise `StreamError` where the head of the cluster is gone; Ray would end this process."""
        if error := _unreachable(self._head):
            raise StreamError(
                f"{self._head}: the head of the Ray cluster is gone ({error}); with a new one the "
                "same command does the rest"
            )

    def _has_gpus(self) -> bool:
        return any(node["Resources"].get("GPU", 0) >= 1 for node in alive(self._ray))

    def _room_on(self, resources: dict[str, float]) -> int:
        names = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
        rooms = [
            int(resources.get(names[key], 0) // needed)
            for key, needed in self._needs.items()
            if needed
        ]
        return min(rooms)

    def _tell_if_no_room(self, workers: Sequence[RayWorker]) -> None:
        waiting = [worker.begun_s for worker in workers if not worker.is_ready]
        if len(waiting) < len(workers):
            self._is_told = False
        elif waiting and not self._is_told and time.monotonic() - min(waiting) > _PATIENCE_S:
            self._is_told = True
            cpus, gpus, memory = self._needs.values()
            what = f"{cpus:g} CPU, {gpus:g} GPU and {memory / 1e9:.1f} GB"
            self._on_message(f"no worker has begun: one needs {what} free on a machine; waiting")


def alive(ray: Any) -> list[dict[str, Any]]:
    """Return what Ray knows of each machine that is part of the cluster now."""
    return [node for node in ray.nodes() if node["Alive"]]


def _joined(address: str) -> Any:
    """Return Ray, connected to a cluster.

    Raises:
        ImportError: it is not installed.
        StreamError: there is no cluster.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    _check_reachable(address)
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise _no_cluster(address, _last_line(error)) from error
    finally:
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray takes it
    return ray


def _check_reachable(address: str) -> None:
    """Try what Ray would try for minutes.

    Raises:
        StreamError: nobody is there, or it is no such address.
    """
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdecimal()) or "/" in host:
        raise StreamError(f"{address}: must be auto or HOST:PORT, such as 10.0.0.1:6379")
    if error := _unreachable(address):
        raise _no_cluster(address, error)


def _unreachable(address: str) -> str:
    """Return why nobody can be reached at HOST:PORT, "" where somebody can."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S):
            return ""
    except (OSError, OverflowError) as error:
        return getattr(error, "strerror", None) or str(error)


def _no_cluster(address: str, reason: str) -> StreamError:
    return StreamError(
        f"{address}: no Ray cluster can be reached from here ({reason}); this machine must belong "
        "to it: ray start --address=HOST:PORT --disable-usage-stats"
    )


def _claim_processor() -> tuple[list[socket.socket], list[int]]:
    """Return a processor that no other actor on this machine has, and what holds the claim.

    A name of Linux's own kind of sockets belongs to one process at a time, and is free when that is
    gone. Elsewhere, and where all are taken, an actor may use all.
    """
    usable = usable_processors()
    for number in usable if hasattr(os, "sched_setaffinity") else ():
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0maskcast-processor-{number}")
        except OSError:
            claim.close()
            continue
        return [claim], [number]
    return [], usable


def _with_whole_paths(job: Job) -> Job:
    outputs = tuple(map(absolute, job.outputs))
    return replace(job, source=absolute(job.source), outputs=outputs)


def _with_whole_files(settings: Settings) -> Settings:
    """Return settings whose files are found from any folder."""
    name, _, value = settings.effect.partition("=")
    if value and Path(value).is_file():
        settings = replace(settings, effect=f"{name}={os.path.abspath(value)}")
    weights = settings.network.weights
    if weights is not None:
        network = replace(settings.network, weights=Path(os.path.abspath(weights)))
        settings = replace(settings, network=network)
    return settings


def _last_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
