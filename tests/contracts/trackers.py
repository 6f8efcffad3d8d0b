"""Every tracker of the program, in each way that it can be used."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

from segmentation.segmenter import Segmenter
from segmentation.tracking.interpolating_tracker import InterpolatingTracker
from segmentation.tracking.keyframe_tracker import KeyframeTracker
from stream.pipeline import Tracker

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


def _keyframes(**settings: Any) -> Case:
    return Case(
        "KeyframeTracker",
        lambda segmenter, on_failure: KeyframeTracker(segmenter, on_failure, **settings),
        is_live="executor" in settings,
    )


TRACKERS: dict[str, Case] = {
    "each frame alone": _keyframes(),
    "several at a time": _keyframes(max_images=3),
    "held": _keyframes(reuse="hold", keyframe=4),
    "moved forward": _keyframes(reuse="forward", keyframe=4),
    "moved from both sides": _keyframes(reuse="both", keyframe=4),
    "ids in every frame": _keyframes(reuse="both"),
    "ids in every frame, several at a time": _keyframes(reuse="both", max_images=3),
    "where something changes": _keyframes(reuse="both", keyframe="auto"),
    "live and held": _keyframes(reuse="hold", keyframe=4, executor=AtOnce()),
    "live and moved": _keyframes(reuse="forward", keyframe=4, executor=AtOnce()),
    "interpolated": Case(
        "InterpolatingTracker",
        lambda segmenter, on_failure: InterpolatingTracker(segmenter),
        lets_pass=False,
    ),
}
