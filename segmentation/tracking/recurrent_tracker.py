"""A network that remembers the frames before, on every frame of a stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.segmenter import Memory, RecurrentSegmenter
from segmentation.tracking.changes import ChangeDetector

#: Long side in pixels at which frames are compared to see a cut: thumbnails are made of them.
SEEN_SIDE = 160


class RecurrentTracker:
    """`Tracker` that holds what a recurrent network knows of its stream: nobody else's.

    The network begins anew, as at a first frame, at a cut, at a frame of another size, after a
    failure, and after `finish`.

    Args:
        segmenter: the network; it may be shared.
        on_failure: see `PerFrameTracker`.

    Attributes:
        counts: see `Tracker`; the keyframes are all frames.
    """

    gives_ids = False
    max_images = 1
    age_s = None

    def __init__(
        self,
        segmenter: RecurrentSegmenter,
        on_failure: Callable[[Exception], None] | None = None,
    ) -> None:
        """Start a stream."""
        self.counts = Counter(keyframes=0, carried=0, still=0, cuts=0)
        self._segmenter = segmenter
        self._on_failure = on_failure
        self._changes = ChangeDetector(self.counts, SEEN_SIDE)
        self._size_hw = (0, 0)
        self._memory: Memory | None = None

    def push(self, image: NDArray[np.uint8], time_s: float) -> list[Instances | None]:
        """See `Tracker.push`; always one result, that of this frame."""
        size_hw = image.shape[0], image.shape[1]
        if size_hw != self._size_hw:
            self.finish()
        if self._changes.next(image, time_s).is_cut:
            self._memory = None
        self._size_hw = size_hw
        self.counts["keyframes"] += 1
        # what is left of a frame on which it fails must not reach the next one
        memory, self._memory = self._memory, None
        try:
            found, self._memory = self._segmenter.follow(image, memory)
        except Exception as error:
            # whatever a network dies of, a live output goes on, covered
            if self._on_failure is None:
                raise
            self._on_failure(error)
            return [None]
        return [found]

    def finish(self) -> list[Instances | None]:
        """See `Tracker.finish`; nothing is ever held back."""
        self._changes.forget()
        self._memory = None
        return []
