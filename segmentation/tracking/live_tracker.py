"""A network that is not waited for: what it finds on a frame of the past is brought up to date."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.segmenter import Segmenter
from segmentation.tracking.between import blend_in
from segmentation.tracking.changes import ChangeDetector, SeenFrame
from segmentation.tracking.identify import Identities
from segmentation.tracking.merged import take_apart
from segmentation.tracking.propagation.propagate import FLOW, Carrier, Carrying, SmallPicture
from segmentation.tracking.schedule import LastKeyframe, Schedule

#: How long the network may take for a frame before what it found last is no longer shown.
MAX_WAIT_S = 20.0
#: Frames remembered of those that passed meanwhile; of more, every second one is forgotten.
MAX_PASSED = 64
#: So many frames may be left to the thread that shows them.
MAX_LEFT = 1


class LiveTracker:
    """`Tracker` of a camera: the network sees keyframes in a thread of its own.

    `push` never waits for it and gives one result at once. The network sees the newest frame
    whenever it is free and a keyframe is due; what it finds is carried to the frame that is shown
    by then. The result is `None` until the first mask, after a cut or a failure, and while the
    network hangs.

    Args:
        segmenter: the network.
        schedule: a fresh one.
        executor: of one thread; whoever made it shuts it down. Several trackers may share it.
        on_failure: called from `push` with the error when the network has failed, which is tried
            again; without it the error is raised.
        carrying: how masks are carried.

    Attributes:
        counts: see `Tracker`.
        age_s: likewise.
    """

    gives_ids = True
    max_images = 1

    def __init__(
        self,
        segmenter: Segmenter,
        schedule: Schedule,
        executor: Executor,
        on_failure: Callable[[Exception], None] | None = None,
        *,
        carrying: Carrying = FLOW,
    ) -> None:
        """Start a stream."""
        self.counts = Counter(keyframes=0, carried=0, still=0, cuts=0)
        self.age_s: float | None = None
        self._segmenter = segmenter
        self._schedule = schedule
        self._executor = executor
        self._on_failure = on_failure
        self._carrying = carrying
        self._identities = Identities()
        self._changes = ChangeDetector(self.counts, carrying.work_side)
        self._carrier: Carrier | None = None  # of the masks shown
        self._shown_key_s = 0.0  # the time of the frame they were found on
        self._key: LastKeyframe | None = None
        self._running: LateRun | None = None

    def push(self, image: NDArray[np.uint8], time_s: float) -> list[Instances | None]:
        """See `Tracker.push`; always one result, that of this frame."""
        frame = self._changes.next(image, time_s)
        if frame.is_cut:
            self._forget()
        if self._key is not None:
            self._key.num_frames += 1
        if frame.has_moved:
            self._carry(frame)
        self._receive(frame)
        if self._running is None and self._is_due(frame):
            self._send(frame)
        if self._carrier is None:
            self.age_s = None
            return [None]
        self.age_s = time_s - self._shown_key_s
        return [self._carrier.instances.scaled_to(frame.picture.size_hw)]

    def finish(self) -> list[Instances | None]:
        """See `Tracker.finish`; nothing is ever held back."""
        self._changes.forget()
        self._forget()
        return []

    def _forget(self) -> None:
        """Forget all masks, and what the network is running on."""
        if self._running is not None:
            self._running.cancel()
        self._carrier, self._key, self._running = None, None, None

    def _carry(self, frame: SeenFrame) -> None:
        """Move the masks shown to a frame, and have those that come later moved over it."""
        if self._carrier is not None:
            self._carrier.step(frame.picture)
            self.counts["carried"] += 1
        if self._running is not None:
            self._running.passed(frame.picture)

    def _is_due(self, frame: SeenFrame) -> bool:
        """Return whether the network shall see this frame."""
        if self._carrier is None or self._key is None:
            return True
        return self._key.next_is_due(self._schedule, frame, self._carrier)

    def _send(self, frame: SeenFrame) -> None:
        """Give a frame to the network."""
        self.counts["keyframes"] += 1
        known = self._carrier.instances if self._carrier is not None else None
        self._running = LateRun(self._segmenter, frame, known, self._carrying, self._executor)
        self._key = LastKeyframe(frame)

    def _receive(self, frame: SeenFrame) -> None:
        """Show what the network found on a frame of the past, if it is done."""
        run = self._running
        if run is None:
            return
        if not run.is_done:
            if frame.time_s - run.time_s > MAX_WAIT_S:
                self._carrier = None
            return
        self._running = None
        try:
            carrier = run.result()
        except Exception as error:
            # whatever a network dies of, a live output goes on, covered
            self._carrier = None
            if self._on_failure is None:
                raise
            self._on_failure(error)
            return
        run.catch_up(carrier)
        self._show(carrier, frame)
        self._shown_key_s = run.time_s

    def _show(self, carrier: Carrier, frame: SeenFrame) -> None:
        """Let what was found, carried to this frame, take the place of what was shown."""
        shown = self._carrier.instances if self._carrier is not None else None
        arrived = self._identities.with_ids(carrier.instances, shown, frame.picture, frame.time_s)
        if shown is not None and self._carrying.reuse == "flow":
            arrived = blend_in(shown, arrived)
        carrier.instances = arrived
        self._carrier = carrier
        if self._key is not None:
            self._key.found(arrived)


class LateRun:
    """The network on one frame, while others pass.

    In the executor its result is carried over all frames that have passed meanwhile; whatever
    passes after that is left to `catch_up`, for the thread that shows the frames.

    Args:
        segmenter: the network.
        frame: which it sees.
        known: objects shown on this frame, see `take_apart`.
        carrying: how what it finds is carried.
        executor: where it runs as soon as there is room.

    Attributes:
        time_s: of the frame, in seconds.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        frame: SeenFrame,
        known: Instances | None,
        carrying: Carrying,
        executor: Executor,
    ) -> None:
        """Begin with no frame passed."""
        self.time_s = frame.time_s
        self._segmenter = segmenter
        self._frame = frame
        self._known = known
        self._carrying = carrying
        self._passed: list[SmallPicture] = []
        self._lock = threading.Lock()
        self._future: Future[Carrier] = executor.submit(self._work)

    def cancel(self) -> None:
        """Do without it, unless it has begun."""
        self._future.cancel()

    @property
    def is_done(self) -> bool:
        """Whether `result` need not wait."""
        return self._future.done()

    def passed(self, picture: SmallPicture) -> None:
        """Note the next frame."""
        with self._lock:
            self._passed.append(picture)
            if len(self._passed) > MAX_PASSED:
                self._passed = _thinned(self._passed)

    def result(self) -> Carrier:
        """Wait for what was found, almost up to date; raises whatever the network raised."""
        return self._future.result()

    def catch_up(self, carrier: Carrier, max_num: int = MAX_PASSED) -> int:
        """Carry over what has passed and not been carried over; returns how many frames.

        Args:
            carrier: of the result.
            max_num: of more frames only some are carried over, the newest among them.
        """
        with self._lock:
            passed, self._passed = self._passed, []
        while len(passed) > max_num:
            passed = _thinned(passed)
        for picture in passed:
            carrier.step(picture)
        return len(passed)

    def _work(self) -> Carrier:
        (found,) = self._segmenter.segment(self._frame.image[None])
        found = take_apart(found.without_matte(), self._known)  # a matte does not move
        carrier = self._carrying.start(self._frame.picture, found)
        num = MAX_PASSED
        while num > MAX_LEFT:
            # each round at most half as long as the one before: it ends on slow machines too
            num = self.catch_up(carrier, num // 2)
        return carrier


def _thinned(pictures: list[SmallPicture]) -> list[SmallPicture]:
    """Return every second picture, the newest among them, so that the way to it stays whole."""
    return pictures[::-1][::2][::-1]
