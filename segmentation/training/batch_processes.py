"""Processes that make the batches of a training ahead, so that the network never waits for one."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

import cv2

from segmentation.own_process import follow_parent, starting
from segmentation.processors import num_processors

Batch = TypeVar("Batch")
Maker = Callable[[int], Batch]

#: Batches made ahead, for each process
AHEAD = 3
MAX_PROCESSES = 16
#: In such a process: what makes its batches
_maker: list[Maker[Any]] = []


def batches(open_maker: Callable[[], Maker[Batch]], steps: Sequence[int]) -> Iterator[Batch]:
    """Yield the batch of each step, in order.

    A process fewer than there are processors makes them, at least one. They end with the iterator,
    and when this process ends, however it does.

    Args:
        open_maker: called once in each process, so it must be picklable; what it returns makes
            the batch of a step, the same one whichever process makes it.
        steps: numbers of the steps.

    Raises:
        Exception: what a maker raised.
    """
    num = min(MAX_PROCESSES, max(1, num_processors() - 1))
    # fork would copy a process whose threads Keras holds
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(num, context, _begin, (open_maker,))
    waiting: deque[Future[Any]] = deque()
    try:
        for position in range(len(steps)):
            while len(waiting) < min(num * AHEAD, len(steps) - position):
                with starting():
                    waiting.append(pool.submit(_make, steps[position + len(waiting)]))
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(open_maker: Callable[[], Maker[Any]]) -> None:
    """Prepare one of the processes."""
    follow_parent()
    cv2.setNumThreads(1)
    _maker.append(open_maker())


def _make(step: int) -> Any:
    return _maker[0](step)
