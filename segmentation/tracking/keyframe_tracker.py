"""A network that sees keyframes and is waited for; masks are carried over the frames between."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.segmenter import Segmenter
from segmentation.tracking.between import blend, blend_in, carried_over
from segmentation.tracking.changes import ChangeDetector, SeenFrame
from segmentation.tracking.identify import Identities
from segmentation.tracking.merged import take_apart
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from segmentation.tracking.propagation.propagate import FLOW, Carrier, Carrying, SmallPicture
from segmentation.tracking.schedule import LastKeyframe, Schedule


class KeyframeTracker:
    """`Tracker` of a file: the network sees keyframes, and `push` waits for it.

    Objects have ids that stay. Nothing is carried across a cut: the frame after it is a keyframe.
    A frame on which nothing has moved since the keyframe costs almost nothing.

    Moved masks are of two kinds. Where results may be held back, frames wait for the next
    keyframe and get the mean of the masks before and after them, both moved to them. Otherwise
    they get those of the keyframe before, and what is found on the next one is blended in.

    Args:
        segmenter: the network.
        schedule: a fresh one.
        on_failure: called with the error when the network fails, and the frame's result is
            `None`; without it the error is raised.
        carrying: how masks are carried; those that are held where they were hold back no results.
        max_held: results held back at most, a keyframe being due when there are so many; 0 to
            hold back none, `None` for no limit.

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
        on_failure: Callable[[Exception], None] | None = None,
        *,
        carrying: Carrying = FLOW,
        max_held: int | None = None,
    ) -> None:
        """Start a stream."""
        self._detector = PerFrameTracker(segmenter, on_failure)
        self.counts = self._detector.counts
        self.age_s: float | None = None
        self._schedule = schedule
        self._carrying = carrying
        self._max_held = 0 if carrying.reuse == "hold" else max_held
        self._identities = Identities()
        self._changes = ChangeDetector(self.counts, carrying.work_side)
        self._carrier: Carrier | None = None
        self._key: LastKeyframe | None = None
        self._held: list[tuple[SmallPicture, Instances]] = []  # with the masks moved forward

    def push(self, image: NDArray[np.uint8], time_s: float) -> list[Instances | None]:
        """See `Tracker.push`."""
        frame = self._changes.next(image, time_s)
        results = self._forget() if frame.is_cut else []
        if self._key is not None:
            self._key.num_frames += 1
        if self._carrier is not None and frame.has_moved:
            self._carrier.step(frame.picture)
        if self._is_due(frame):
            results += self._detected(frame)
        else:
            results += self._carried(frame)
        self.age_s = None if self._key is None else time_s - self._key.time_s
        return results

    def finish(self) -> list[Instances | None]:
        """See `Tracker.finish`."""
        self._changes.forget()
        return self._forget()

    def _forget(self) -> list[Instances | None]:
        """Forget all masks; returns those held back, as they were moved to their frames."""
        held = [instances.scaled_to(picture.size_hw) for picture, instances in self._held]
        self._carrier, self._key, self._held = None, None, []
        return [*held]

    def _is_due(self, frame: SeenFrame) -> bool:
        """Return whether the network shall see this frame."""
        if self._carrier is None or self._key is None:
            return True
        is_full = bool(self._held) and len(self._held) == self._max_held
        return is_full or self._key.next_is_due(self._schedule, frame, self._carrier)

    def _carried(self, frame: SeenFrame) -> list[Instances | None]:
        """Return the masks carried to a frame, unless it waits for the next keyframe."""
        assert self._carrier is not None
        self.counts["carried"] += frame.has_moved
        if self._max_held != 0 and (self._held or frame.has_moved):
            self._held.append((frame.picture, self._carrier.instances))
            return []
        return [self._carrier.instances.scaled_to(frame.picture.size_hw)]

    def _detected(self, frame: SeenFrame) -> list[Instances | None]:
        """Return what was held back until this keyframe, and what the network finds on it."""
        (found,) = self._detector.push(frame.image, frame.time_s)
        if found is None:
            self._changes.unsettle()
            return [*self._forget(), None]
        known = self._carrier.instances if self._carrier is not None else None
        # the frames between have no matte, and edges shall not change from frame to frame
        found = take_apart(found.without_matte(), known)
        found = self._identities.with_ids(found, known, frame.picture, frame.time_s)
        carrier = self._carrying.start(frame.picture, found)
        if known is not None and self._blends_in():
            carrier.instances = blend_in(known, carrier.instances)
            found = carrier.instances.scaled_to(frame.picture.size_hw)
        self._carrier, self._key = carrier, LastKeyframe(frame)
        self._key.found(carrier.instances)
        return [*self._between(carrier), found]

    def _blends_in(self) -> bool:
        """Return whether masks moved to the next keyframe go over into those found on it."""
        moves = self._carrying.reuse == "flow" and self._max_held == 0
        return moves and self._key is not None and self._key.num_frames > 1

    def _between(self, carrier: Carrier) -> list[Instances]:
        """Return the results held back, now that the keyframe after them is known."""
        held, self._held = self._held, []
        if not held:
            return []
        pictures = [picture for picture, _ in held]
        forward = [instances for _, instances in held]
        backward = carried_over(copy.copy(carrier), reversed(pictures))[::-1]
        blended = blend(forward, backward)
        return [
            instances.scaled_to(picture.size_hw)
            for picture, instances in zip(pictures, blended, strict=True)
        ]
