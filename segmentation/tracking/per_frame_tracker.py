"""Every frame by itself: what the network finds in it, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.segmenter import Segmenter


class PerFrameTracker:
    """`Tracker` without a memory: every frame is a keyframe, and none knows of another.

    Args:
        segmenter: the network.
        on_failure: called with the error when the network fails, and the frames it was given get
            `None`; without it the error is raised.
        max_images: frames that are given to the network at a time; results are held back until
            there are so many, or a frame of another size comes.

    Attributes:
        counts: see `Tracker`; the keyframes are all frames.
        max_images: see above.
    """

    gives_ids = False
    age_s = None

    def __init__(
        self,
        segmenter: Segmenter,
        on_failure: Callable[[Exception], None] | None = None,
        *,
        max_images: int = 1,
    ) -> None:
        """Start a stream."""
        self.counts = Counter(keyframes=0, carried=0, still=0, cuts=0)
        self.max_images = max_images
        self._segmenter = segmenter
        self._on_failure = on_failure
        self._waiting: list[NDArray[np.uint8]] = []

    def push(self, image: NDArray[np.uint8], time_s: float) -> list[Instances | None]:
        """See `Tracker.push`."""
        is_other = bool(self._waiting) and self._waiting[0].shape != image.shape
        results = self.finish() if is_other else []
        self._waiting.append(image)
        return results + self.finish() if len(self._waiting) >= self.max_images else results

    def finish(self) -> list[Instances | None]:
        """See `Tracker.finish`."""
        images, self._waiting = self._waiting, []
        if not images:
            return []
        self.counts["keyframes"] += len(images)
        try:
            batch = np.stack(images) if len(images) > 1 else images[0][None]
            return list(self._segmenter.segment(batch))
        except Exception as error:
            # whatever a network dies of, a live output goes on, covered
            if self._on_failure is None:
                raise
            self._on_failure(error)
            return [None] * len(images)
