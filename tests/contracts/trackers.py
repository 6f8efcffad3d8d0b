"""Every tracker of the program, in each way that it can be used."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

from segmentation.segmenter import Segmenter
from segmentation.tracking.detection_tracker import DetectionTracker
from segmentation.tracking.interpolating_tracker import InterpolatingTracker
from segmentation.tracking.keyframe_tracker import KeyframeTracker
from segmentation.tracking.live_tracker import LiveTracker
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from segmentation.tracking.propagation.propagate import FLOW, HOLD, Carrying
from segmentation.tracking.recurrent_tracker import RecurrentTracker
from segmentation.tracking.schedule import Schedule
from segmentation.tracking.tracker import Tracker

OnFailure = Callable[[Exception], None]


class AtOnce(Executor):
    """Does what it is given before it returns: a network that is quick, in a thread of its own."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **more))
        except Exception as error:
            future.set_exception(error)
        return future


@dataclass(frozen=True)
class Case:
    """A tracker and how it behaves.

    Attributes:
        kind: name of its class.
        open: makes one for a network; `None`: what the network raises is raised.
        is_live: nobody waits for the network, so the first frames have no masks.
        lets_pass: it can go on when the network has failed.
    """

    kind: str
    open: Callable[[Segmenter, OnFailure | None], Tracker]
    is_live: bool = False
    lets_pass: bool = True


def _per_frame(max_images: int) -> Case:
    return Case(
        "PerFrameTracker",
        lambda network, on_failure: PerFrameTracker(network, on_failure, max_images=max_images),
    )


def _detection(max_images: int, carrying: Carrying = FLOW) -> Case:
    return Case(
        "DetectionTracker",
        lambda network, on_failure: DetectionTracker(
            network, on_failure, max_images=max_images, carrying=carrying
        ),
    )


def _keyframes(
    every: int | Literal["auto"], carrying: Carrying, max_held: int | None = None
) -> Case:
    return Case(
        "KeyframeTracker",
        lambda network, on_failure: KeyframeTracker(
            network, Schedule(every), on_failure, carrying=carrying, max_held=max_held
        ),
    )


def _live(carrying: Carrying) -> Case:
    return Case(
        "LiveTracker",
        lambda network, on_failure: LiveTracker(
            network, Schedule(4), AtOnce(), on_failure, carrying=carrying
        ),
        is_live=True,
    )


def _following(network: Segmenter, on_failure: OnFailure | None) -> Tracker:
    """A network that could remember, and has nothing to."""
    follows: Any = SimpleNamespace(
        follow=lambda image, memory: (network.segment(image[None])[0], [])
    )
    return RecurrentTracker(follows, on_failure)


TRACKERS: dict[str, Case] = {
    "each frame alone": _per_frame(1),
    "several at a time": _per_frame(3),
    "held": _keyframes(4, HOLD),
    "moved forward": _keyframes(4, FLOW, max_held=0),
    "moved from both sides": _keyframes(4, FLOW),
    "where something changes": _keyframes("auto", FLOW),
    "ids in every frame": _detection(1),
    "ids in every frame, not moved": _detection(1, HOLD),
    "ids in every frame, several at a time": _detection(3),
    "remembering": Case("RecurrentTracker", _following),
    "live and held": _live(HOLD),
    "live and moved": _live(FLOW),
    "interpolated": Case(
        "InterpolatingTracker",
        lambda network, on_failure: InterpolatingTracker(network),
        lets_pass=False,
    ),
}
