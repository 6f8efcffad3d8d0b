"""The networks that all visitors share, and the threads that work for them.

`stream.running` has no part in this: each visitor is a `Pipeline` fed by their own connection, and
the event loop never waits for a frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from segmentation.picture import RgbPicture
from segmentation.processors import num_processors
from segmentation.segmenter import DetailedSegmenter, Segmenter
from segmentation.tracking.tracker import Tracker
from stream.looks.look import Choose
from stream.pipeline import shrunk
from stream.segmenter_thread import SegmenterThread
from stream.serve.fairness.late_runs import LateRuns
from stream.tracking import Keyframes, is_waited_for, live_tracker

T = TypeVar("T")
#: Frame sizes (height, width) the networks are prepared for before the first visitor comes.
PREPARED_HW = ((480, 640), (640, 480))


class SharedNetworks:
    """Networks behind two threads, and a few threads for everything else that takes time.

    Networks that frames wait for have one thread, those that take longer the other: who uses the
    former waits for none of the latter's runs. Each visitor has at most one frame in each queue,
    and all are served in order: nobody gets ahead of the others, however fast they send and
    however often they begin anew.

    Args:
        segmenters: the first is what a visitor begins with.
        choose: by name of the network, which of its objects are foreground; all without it.

    Attributes:
        num_threads: so many frames can be worked on at a time.
    """

    def __init__(
        self, segmenters: Sequence[Segmenter], choose: Mapping[str, Choose] | None = None
    ) -> None:
        """Start the threads."""
        self.choose = dict(choose or {})
        self.segmenters = {
            each.name: each.for_frames() if isinstance(each, DetailedSegmenter) else each
            for each in segmenters
        }
        self._waited_for, self._late = SegmenterThread(), SegmenterThread()
        num_others = max(2, num_processors() - 1)
        self._others = ThreadPoolExecutor(num_others, "visitors")
        self.num_threads = 1 + num_others

    def prepare(self) -> None:
        """Run every network once, since they are compiled at their first image."""
        for segmenter in self.segmenters.values():
            for height, width in PREPARED_HW:
                picture = RgbPicture(np.zeros((height, width, 3), np.uint8))
                segmenter.segment(shrunk(picture, segmenter.max_input)[None])

    def late_runs(self) -> LateRuns:
        """Return where the networks that take long run for one visitor."""
        return LateRuns(self._late)

    def tracker(
        self, name: str, on_failure: Callable[[Exception], None], late_runs: LateRuns
    ) -> Tracker:
        """Return a fresh tracker for a network; one that is slow holds up no frame of it."""
        return live_tracker(self.segmenters[name], Keyframes(), on_failure, lambda: late_runs)

    async def in_order(self, name: str, work: Callable[[], T]) -> T:
        """Do what a tracker of this network has to do for a frame, each visitor's in turn.

        Of a network that sees every frame that is its run; of others, whose runs have a thread
        for themselves, only what moves their masks.
        """
        waits = is_waited_for(self.segmenters[name])
        return await self._in(self._waited_for if waits else self._others, work)

    async def in_background(self, work: Callable[[], T]) -> T:
        """Do something else that takes time."""
        return await self._in(self._others, work)

    async def _in(self, executor: Executor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, work)

    def close(self) -> None:
        """End the threads after what they are doing now."""
        self._waited_for.shutdown(wait=False)
        self._late.shutdown(wait=False)
        self._others.shutdown(wait=False, cancel_futures=True)
