"""What several workers do, on one machine or many: for `batch`, and for one film in parts."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stream.commands.parts import model_options
from stream.commands.parts.cast_options import keyframes_of, palette_of
from stream.commands.parts.command_line import say
from stream.errors import StreamError
from stream.stores.addresses import Place

if TYPE_CHECKING:
    from stream.batch.batch_run import Listener
    from stream.batch.films import Films
    from stream.batch.jobs.job import Job, Outcome
    from stream.batch.jobs.records import Record
    from stream.batch.jobs.rules import Rules
    from stream.batch.jobs.settings import Settings
    from stream.batch.workers.worker_pool import Order, WorkerPool
    from stream.commands.parts.interruption import Interruption


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done.

    Attributes:
        jobs: of which each has outputs of its own.
        order: what workers are started with.
        known: see `Records.all`.
        rules: what counts as done.
    """

    jobs: Sequence[Job]
    order: Order
    known: Mapping[Place, Record]
    rules: Rules


@dataclass(frozen=True, slots=True)
class Workforce:
    """Who does it.

    Attributes:
        num_workers: `None` for as many as there is room for.
        ray: address of a cluster, `None` for this machine.
        split_s: films are cut into parts of so many seconds, 0 for as many parts as there are
            workers; `None` for none.
        limit_s: how long a job may take, `None` for ever.
    """

    num_workers: int | None = None
    ray: str | None = None
    split_s: float | None = None
    limit_s: float | None = None


def settings_of(options: argparse.Namespace, endings: Sequence[str], *, because: str) -> Settings:
    """Return how all files are done, the network's name settled.

    Args:
        options: of the command.
        endings: of the outputs that are asked for.
        because: why single objects cannot be kept by their numbers.
    """
    from stream.batch.jobs.settings import Settings, chosen
    from stream.sinks import wants_instances

    wanted = model_options.wanted_objects(options, objects_allowed=False, because=because)
    asks = wanted is not None or any(wants_instances(f"x{ending}") for ending in endings)
    network = model_options.network_options(options, wanted)
    model, network = chosen(options.model, network, asks_for_instances=asks)
    with ExitStack() as stack:
        palette_of(options.effect, (), stack)  # what is wrong with it every file would fail with
    return Settings(
        model=model,
        network=network,
        effect=options.effect,
        invert=options.invert,
        keep=options.keep,
        keyframes=keyframes_of(options),
        codec=options.codec,
        encoder=options.encoder,
        preset=options.quality[0],
        crf=options.quality[1],
        polygons=options.polygons,
        keep_location=options.keep_location,
    )


def done(
    work: Work,
    workforce: Workforce,
    interruption: Interruption,
    on_done: Callable[[Job, Outcome], None],
) -> bool:
    """Do it; returns whether that was not cut short.

    Args:
        work: at least one job.
        workforce: who does it.
        interruption: cuts it short; what is left to tell afterwards it disturbs no more.
        on_done: called with each job and what came of it.
    """
    from stream.batch.batch_run import BatchRun

    with ExitStack() as stack:
        pool, num_places = _pool(work, workforce, stack)
        jobs, films = _cut(work, workforce, num_places)
        if pool is None:
            pool = _processes(work.order, min(num_places, max(1, len(jobs))))
        listener = stack.enter_context(_listener(work, jobs, pool, on_done))
        interruption.is_heeded = True
        stack.callback(interruption.leave)
        BatchRun(jobs, pool, listener, workforce.limit_s, films).play(interruption.stop)
    return not interruption.came


def discard_left_parts(films: Iterable[Job], folder: Place) -> bool:
    """Delete, and say so, parts of films that are whole; returns whether there were any.

    Where an object store does not let that happen, it is said, and there is the next time.

    Args:
        films: whose outputs stand.
        folder: of the outputs.
    """
    from stream.batch.jobs.part_files import discard_part_files, left_of

    left: list[tuple[Job, int]] = []
    try:
        left += left_of(films, folder)
        for film, num in left:
            discard_part_files(film, folder)
            say(f"{film.source}: {num} parts were left of --split; deleted, for it is whole")
    except StreamError as error:
        say(f"what is left of --split cannot be deleted ({error}); the next run tries again")
    return bool(left)


def _pool(work: Work, workforce: Workforce, stack: ExitStack) -> tuple[WorkerPool | None, int]:
    """Return a cluster, `None` for this machine, and how many workers there may be."""
    if workforce.ray is not None:
        from stream.batch.workers.ray_pool import RayPool

        pool = stack.enter_context(RayPool(workforce.ray, work.order, workforce.num_workers, say))
        return pool, pool.num_places()
    if workforce.num_workers is not None:
        return None, workforce.num_workers
    from stream.batch.workers.workers_needed import num_workers

    most = len(work.jobs) if workforce.split_s is None else None
    return None, num_workers(most, work.order.settings)


def _processes(order: Order, num_workers: int) -> WorkerPool:
    from segmentation.processors import num_processors
    from stream.batch.workers.worker_processes import ProcessPool, shares_of

    return ProcessPool(order, shares_of(num_workers, num_processors()))


def _cut(work: Work, workforce: Workforce, num_workers: int) -> tuple[Sequence[Job], Films | None]:
    """Return what is begun with, and what knows of films that are cut."""
    if workforce.split_s is None:
        return work.jobs, None
    from stream.batch.cutting import Length, cut

    length, order = Length(workforce.split_s or None, num_workers), work.order
    found = cut(work.jobs, length, order.settings, order.folder, work.known, work.rules)
    for remark in found.remarks:
        say(remark)
    return found.jobs, found.films


@contextmanager
def _listener(
    work: Work, begun: Sequence[Job], pool: WorkerPool, on_done: Callable[[Job, Outcome], None]
) -> Iterator[Listener]:
    """Give what shows how far it is, and notes what came of its jobs."""
    from stream.batch.batch_run import Listener
    from stream.batch.time_left import TimeLeft
    from stream.commands.parts.progress import files_bar

    left, began = TimeLeft(begun, pool.num_places), time.monotonic()
    num_done = num_frames = 0
    with files_bar(len(work.jobs)) as update:

        def part(job: Job, outcome: Outcome) -> None:
            nonlocal num_frames
            left.done(job, outcome)
            num_frames += outcome.num_frames

        def done(job: Job, outcome: Outcome) -> None:
            nonlocal num_done
            part(job, outcome)
            num_done += 1
            on_done(job, outcome)

        def turn(under_way: dict[Job, float]) -> None:
            fps = num_frames / (time.monotonic() - began)
            update(num_done, fps, left.seconds(under_way))

        yield Listener(done, say, turn, part)
