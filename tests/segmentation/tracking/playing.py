"""Frames of the scene with discs pushed through trackers, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segmentation.evaluation.mask_agreement import intersection_over_union
from segmentation.instances import Instances
from segmentation.segmenter import Segmenter
from segmentation.tracking.keyframe_tracker import KeyframeTracker
from segmentation.tracking.propagation.propagate import HOLD
from segmentation.tracking.schedule import Schedule
from segmentation.tracking.tracker import Tracker
from tests.inputs.moving_discs import scene

Truths = Sequence[tuple[NDArray[np.uint8], Instances]]

#: What frames between keyframes get: the masks of the one before where they were, those moved, or
#: those of both neighbours moved.
BETWEEN: dict[str, dict[str, Any]] = {
    "hold": {"carrying": HOLD},
    "forward": {"max_held": 0},
    "both": {},
}


class Later(Executor):
    """Runs what it was given when told to, in the thread that tells it."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # begun at once, so that it can no more be cancelled
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run(self) -> None:
        waiting, self.waiting = self.waiting, []
        for future, call in waiting:
            try:
                future.set_result(call())
            except Exception as error:
                future.set_exception(error)


def keyframe_tracker(
    keyframe: int | Literal["auto"],
    between: str,
    network: Segmenter,
    on_failure: Callable[[Exception], None] | None = None,
) -> KeyframeTracker:
    return KeyframeTracker(network, Schedule(keyframe), on_failure, **BETWEEN[between])


def walk(num: int, speed: float = 4.0) -> list[tuple[NDArray[np.uint8], Instances]]:
    """One disc that goes so many pixels a frame."""
    return [scene([(50 + speed * i, 70)]) for i in range(num)]


def play(tracker: Tracker, frames: Truths) -> list[Instances | None]:
    shown = [each for i, (image, _) in enumerate(frames) for each in tracker.push(image, i / 25)]
    return shown + tracker.finish()


def overlap(found: Instances | None, truth: Instances) -> float:
    assert found is not None
    return intersection_over_union(found.union() >= 128, truth.union() >= 128)


def assert_equal(shown: Sequence[Instances | None], wanted: Sequence[Instances | None]) -> None:
    """Compare results to the bit."""
    assert [each is None for each in shown] == [each is None for each in wanted]
    for found, other in zip(shown, wanted, strict=True):
        if found is not None and other is not None:
            for name in ("boxes", "scores", "labels", "masks", "ids"):
                assert np.array_equal(getattr(found, name), getattr(other, name)), name
