"""How often the network of a stream runs, and what the frames between get."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from segmentation.segmenter import Segmenter
from segmentation.tracking.interpolating_tracker import InterpolatingTracker
from stream.frame import StreamInfo
from stream.segmenter_thread import SegmenterThread

if TYPE_CHECKING:
    from segmentation.tracking.keyframe_tracker import KeyframeTracker

#: Networks about as cheap as carrying their masks on: live they see every frame unless told
#: otherwise, and of a file those between which the mask changes.
CHEAP = ("portrait",)
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
    """

    every: int | Literal["auto"] | None = None
    mean_distance: float | None = None
    reuse: Literal["auto", "hold", "flow"] = "auto"

    @classmethod
    def parse(cls, every: str | None, reuse: Literal["auto", "hold", "flow"]) -> Keyframes:
        """Read "N", "auto" or "auto:N".

        Raises:
            ValueError: it is none of these.
        """
        if every is None or every == "auto":
            return cls("auto" if every else None, None, reuse)
        num = every.removeprefix("auto:")
        if not num.isdigit() or int(num) < 1:
            raise ValueError(f"a number from 1, auto or auto:N, got {every!r}")
        if num != every:
            return cls("auto", float(num), reuse)
        return cls(int(num), None, reuse)


def open_tracker(
    segmenter: Segmenter,
    info: StreamInfo,
    keyframes: Keyframes,
    on_failure: Callable[[Exception], None],
    stack: ExitStack,
) -> KeyframeTracker | InterpolatingTracker:
    """Return the tracker of one stream.

    Live, the network gets a thread of its own wherever masks are reused, so that it holds up no
    frame; a file waits for it, and frames between two keyframes use both. Of a file a cheap
    network, left to itself, sees the frames between which its mask changes.

    Args:
        segmenter: the network.
        info: of the source.
        keyframes: what was asked for.
        on_failure: called when the network fails on a live source, which goes on; the network of
            a file raises.
        stack: ends the thread.
    """
    told = on_failure if info.live else None
    every, is_cheap = keyframes.every, segmenter.name in CHEAP
    is_video = info.fps is not None and not info.live
    if is_cheap and is_video and keyframes == Keyframes():
        return InterpolatingTracker(segmenter)
    # not above: with all that moves masks it is a tenth of what a start imports
    from segmentation.tracking.keyframe_tracker import KeyframeTracker

    if every is None:
        alone = is_cheap or not info.live
        every = 1 if alone and keyframes.reuse == "auto" else "auto"
    # neither a camera nor a photo can wait for the next ones
    max_images = segmenter.max_images if is_video and every == 1 else 1
    if info.fps is None or (is_cheap and every == 1):
        return KeyframeTracker(segmenter, told, max_images=max_images)
    executor = stack.enter_context(SegmenterThread()) if info.live else None
    moved: Literal["forward", "both"] = "forward" if info.live else "both"
    return KeyframeTracker(
        segmenter,
        told,
        max_images=max_images,
        reuse="hold" if keyframes.reuse == "hold" else moved,
        keyframe=every,
        mean_distance=keyframes.mean_distance,
        max_held=max(1, MAX_HELD_BYTES // (3 * info.width * info.height)),
        executor=executor,
    )
