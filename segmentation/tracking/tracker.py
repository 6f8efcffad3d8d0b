"""The one interface of all trackers: all that masks remember of earlier frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances


class Tracker(Protocol):
    """Gives each frame of one stream its instances. Used by one thread at a time.

    Frames are pushed in the order of time. Each gets one result, in the same order, though not
    always at once: `push` may hold results back until later frames have come, and `finish` gives
    those that are left.
    """

    @property
    def gives_ids(self) -> bool:
        """Whether objects have ids, `Instances.ids`, which stay from frame to frame."""

    @property
    def max_images(self) -> int:
        """How many frames the network is given at a time, at most."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What was done so far, in frames.

        "keyframes", which the network was given; "carried", which got masks moved from another;
        "still", on which nothing had moved; "interpolated", which got the mean of two masks; and
        "cuts", on which another scene began.
        """

    @property
    def age_s(self) -> float | None:
        """Seconds from the keyframe of the newest masks to the newest frame.

        `None` without masks, and where none is ever older than its frame.
        """

    def push(self, image: NDArray[np.uint8], time_s: float) -> list[Instances | None]:
        """Take the next frame.

        Args:
            image: (H, W, 3) uint8 RGB, not written to. A tracker that carries masks wants one
                size from the start, or from `finish`, to the next `finish`.
            time_s: of the frame, in seconds on the clock of its source.

        Returns:
            The results available by now, none or several, the oldest first, in pixels of their
            frames. `None` where no mask is known, which is not the same as nothing found.

        Raises:
            Exception: whatever the network raised, where the tracker was not told what to do
                about its failures.
        """

    def finish(self) -> list[Instances | None]:
        """Return the results still held back. The next frame begins anew, ids aside."""
