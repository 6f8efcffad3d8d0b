"""How often the network of a stream runs, and what the frames between get.

| tracker | the network sees | for |
|---|---|---|
| `PerFrameTracker` | every frame by itself | photos; a camera, network fast, one object |
| `DetectionTracker` | every frame; objects keep ids | files; a camera, network fast, more of them |
| `InterpolatingTracker` | where its mask changes | files, network fast, one object |
| `RecurrentTracker` | every frame and what it remembers of those before | networks of video |
| `KeyframeTracker` | keyframes; masks move between | files with `--keyframe` or `--reuse` |
| `LiveTracker` | keyframes, in a thread of its own | cameras, network not fast |
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from segmentation.segmenter import RecurrentSegmenter, Segmenter
from segmentation.tracking.interpolating_tracker import InterpolatingTracker
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from segmentation.tracking.tracker import Tracker
from stream.frame import StreamInfo
from stream.segmenter_thread import SegmenterThread

if TYPE_CHECKING:
    from segmentation.tracking.propagation.propagate import Carrying

#: Frames of a file that may wait for the keyframe after them.
MAX_HELD_BYTES = 256_000_000


@dataclass(frozen=True, slots=True)
class Keyframes:
    """What was asked for.

    Attributes:
        every: a keyframe every so many frames, "auto", or `None`: left to the network and source.
        mean_distance: with "auto", the frames for each keyframe to spend; see `Schedule`.
        reuse: "hold" shows the masks of a keyframe where they were; "flow" moves them with the
            picture; "auto" is "flow" where there is anything to reuse.

    Raises:
        ValueError: one of them is something else.
    """

    every: int | Literal["auto"] | None = None
    mean_distance: float | None = None
    reuse: Literal["auto", "hold", "flow"] = "auto"

    def __post_init__(self) -> None:
        """Check what was asked for."""
        every = self.every
        if every not in (None, "auto") and not (isinstance(every, int) and every >= 1):
            raise ValueError(f"every: expected a number from 1 or 'auto', got {every!r}")
        if self.reuse not in ("auto", "hold", "flow"):
            raise ValueError(f"reuse: expected auto, hold or flow, got {self.reuse!r}")

    @classmethod
    def parse(cls, every: str | None, reuse: Literal["auto", "hold", "flow"]) -> Keyframes:
        """Read "N", "auto" or "auto:N".

        Raises:
            ValueError: it is none of these.
        """
        if every is None or every == "auto":
            return cls("auto" if every else None, None, reuse)
        num = every.removeprefix("auto:")
        if not num.isdecimal() or int(num) < 1:
            raise ValueError(f"a number from 1, auto or auto:N, got {every!r}")
        if num != every:
            return cls("auto", float(num), reuse)
        return cls(int(num), None, reuse)


# The trackers that carry masks are imported when they are wanted: with all that moves masks they
# are a tenth of what a start imports.


def open_tracker(
    segmenter: Segmenter,
    info: StreamInfo,
    keyframes: Keyframes,
    on_failure: Callable[[Exception], None],
    stack: ExitStack,
) -> Tracker:
    """Return the tracker of one stream.

    Args:
        segmenter: the network.
        info: of the source.
        keyframes: what was asked for.
        on_failure: called when the network fails on a live source, which goes on; the network of
            a file raises.
        stack: ends the thread that a live source may need.
    """
    if info.live:
        return live_tracker(
            segmenter, keyframes, on_failure, lambda: stack.enter_context(SegmenterThread())
        )
    if info.fps is None:  # photos, which owe nothing to each other
        return PerFrameTracker(segmenter)
    return _file_tracker(segmenter, info, keyframes)


def live_tracker(
    segmenter: Segmenter,
    keyframes: Keyframes,
    on_failure: Callable[[Exception], None],
    thread: Callable[[], Executor],
) -> Tracker:
    """Return the tracker of a camera; it gives each frame its result at once.

    A network that is waited for, left to itself, sees every frame. Any other runs in a thread of
    its own, so that it holds up no frame.

    Args:
        segmenter: the network.
        keyframes: what was asked for.
        on_failure: called when the network fails.
        thread: called where the network needs one; gives an executor of one thread.
    """
    every = keyframes.every
    if every is None:
        every = 1 if is_waited_for(segmenter) and keyframes.reuse == "auto" else "auto"
    if is_waited_for(segmenter) and every == 1:
        return _every_frame_tracker(segmenter, keyframes, on_failure)
    from segmentation.tracking.live_tracker import LiveTracker
    from segmentation.tracking.schedule import Schedule

    return LiveTracker(
        segmenter,
        Schedule(every, keyframes.mean_distance),
        thread(),
        on_failure,
        carrying=_carrying(keyframes),
    )


def is_waited_for(segmenter: Segmenter) -> bool:
    """Return whether a camera's frames wait for the network, unless keyframes are asked for.

    For a fast one; and for one that remembers the frames before, whose mattes belong to their
    frames alone: while it is busy a camera loses frames.
    """
    return segmenter.fast or isinstance(segmenter, RecurrentSegmenter)


def _file_tracker(segmenter: Segmenter, info: StreamInfo, keyframes: Keyframes) -> Tracker:
    """Return the tracker of a video file, which waits for its network.

    A network, left to itself, sees every frame; but a fast one that finds a single object sees
    those between which its mask changes.
    """
    if segmenter.fast and not segmenter.separates_objects and keyframes == Keyframes():
        return InterpolatingTracker(segmenter)
    every = keyframes.every
    if every is None:
        every = 1 if keyframes.reuse == "auto" else "auto"
    if every == 1:
        return _every_frame_tracker(segmenter, keyframes, max_images=segmenter.max_images)
    from segmentation.tracking.keyframe_tracker import KeyframeTracker
    from segmentation.tracking.schedule import Schedule

    return KeyframeTracker(
        segmenter,
        Schedule(every, keyframes.mean_distance),
        carrying=_carrying(keyframes),
        max_held=max(1, MAX_HELD_BYTES // (3 * info.width * info.height)),
    )


def _every_frame_tracker(
    segmenter: Segmenter,
    keyframes: Keyframes,
    on_failure: Callable[[Exception], None] | None = None,
    *,
    max_images: int = 1,
) -> Tracker:
    """Return a tracker whose network sees every frame and is waited for."""
    if isinstance(segmenter, RecurrentSegmenter):
        from segmentation.tracking.recurrent_tracker import RecurrentTracker

        return RecurrentTracker(segmenter, on_failure)
    if not segmenter.separates_objects:
        return PerFrameTracker(segmenter, on_failure, max_images=max_images)
    from segmentation.tracking.detection_tracker import DetectionTracker

    return DetectionTracker(
        segmenter, on_failure, max_images=max_images, carrying=_carrying(keyframes)
    )


def _carrying(keyframes: Keyframes) -> Carrying:
    from segmentation.tracking.propagation.propagate import FLOW, HOLD

    return HOLD if keyframes.reuse == "hold" else FLOW
