"""All temporal state of masks: which frames the network sees and what the others get."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.segmenter import Segmenter


class KeyframeTracker:
    """Gives each frame of one stream its instances. Every frame is a keyframe.

    Args:
        segmenter: the network.
        on_failure: called with the error when the network fails, and the frame's result is
            `None`; without it the error is raised.
    """

    def __init__(
        self, segmenter: Segmenter, on_failure: Callable[[Exception], None] | None = None
    ) -> None:
        """Start a stream."""
        self._segmenter = segmenter
        self._on_failure = on_failure

    def push(self, image: NDArray[np.uint8], time_s: float) -> list[Instances | None]:
        """Take the next frame, (H, W, 3) uint8 RGB.

        Returns:
            Results in the order of the frames, as they become available; `None` where no mask
            is known, which is not the same as nothing found.
        """
        try:
            return list(self._segmenter.segment(image[None]))
        except Exception as error:
            # whatever a network dies of, a live output goes on, covered
            if self._on_failure is None:
                raise
            self._on_failure(error)
            return [None]
