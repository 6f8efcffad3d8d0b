"""Every frame a keyframe, and objects known again from frame to frame: tracking by detection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.segmenter import Segmenter
from segmentation.tracking.changes import ChangeDetector
from segmentation.tracking.identify import Identities
from segmentation.tracking.merged import take_apart
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from segmentation.tracking.propagation.propagate import FLOW, Carrier, Carrying


class DetectionTracker:
    """`Tracker` whose network sees every frame, and whose objects have ids that stay.

    What is found on a frame is compared with what was found on the one before, carried to it.
    Across a cut nothing is carried.

    Args:
        segmenter: the network.
        on_failure: see `PerFrameTracker`.
        max_images: likewise.
        carrying: how the objects of the frame before are carried to be compared.

    Attributes:
        counts: see `Tracker`; the keyframes are all frames.
        age_s: 0 with masks, `None` without.
    """

    gives_ids = True

    def __init__(
        self,
        segmenter: Segmenter,
        on_failure: Callable[[Exception], None] | None = None,
        *,
        max_images: int = 1,
        carrying: Carrying = FLOW,
    ) -> None:
        """Start a stream."""
        self._detector = PerFrameTracker(segmenter, on_failure, max_images=max_images)
        self.counts = self._detector.counts
        self.age_s: float | None = None
        self._carrying = carrying
        self._waiting: deque[tuple[NDArray[np.uint8], float]] = deque()  # for the detector
        self._changes = ChangeDetector(self.counts, carrying.work_side)
        self._identities = Identities()
        self._carrier: Carrier | None = None

    @property
    def max_images(self) -> int:
        """How many frames the network is given at a time, at most."""
        return self._detector.max_images

    def push(self, image: NDArray[np.uint8], time_s: float) -> list[Instances | None]:
        """See `Tracker.push`."""
        self._waiting.append((image, time_s))
        return self._identified(self._detector.push(image, time_s))

    def finish(self) -> list[Instances | None]:
        """See `Tracker.finish`."""
        results = self._identified(self._detector.finish())
        self._carrier = None
        self._changes.forget()
        return results

    def _identified(self, detected: list[Instances | None]) -> list[Instances | None]:
        """Return what was found on the frames that have waited longest, with ids."""
        return [self._identify(found, *self._waiting.popleft()) for found in detected]

    def _identify(
        self, found: Instances | None, image: NDArray[np.uint8], time_s: float
    ) -> Instances | None:
        """Return what was found on a frame with the ids of the objects it was before."""
        frame = self._changes.next(image, time_s)
        if frame.is_cut:
            self._carrier = None
        if self._carrier is not None and frame.has_moved:
            self._carrier.step(frame.picture)
        if found is None:
            self._carrier, self.age_s = None, None
            self._changes.unsettle()
            return None
        known = self._carrier.instances if self._carrier is not None else None
        found = self._identities.with_ids(take_apart(found, known), known, frame.picture, time_s)
        self._carrier, self.age_s = self._carrying.start(frame.picture, found), 0.0
        return found
