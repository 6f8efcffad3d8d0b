"""A run of the network that takes longer than a frame, and its result brought up to date."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.segmenter import Segmenter
from segmentation.tracking.merged import take_apart
from segmentation.tracking.propagate import Carrier, SmallPicture

#: Frames remembered of those that passed meanwhile; of more, every second one is forgotten.
MAX_PASSED = 64
#: So many frames may be left to the thread that shows them.
MAX_LEFT = 1

Carry = Callable[[SmallPicture, Instances], Carrier]


class LateRun:
    """The network on one frame, while others pass.

    `work` runs in the executor: first the network, then its result is carried over all frames
    that have passed meanwhile. Whatever passes after that is left to `catch_up`.

    Args:
        picture: the frame the network sees.
        time_s: of the frame.
        known: objects shown on this frame, see `take_apart`.
        carry: makes a carrier of what the network finds.
    """

    def __init__(
        self, picture: SmallPicture, time_s: float, known: Instances | None, carry: Carry
    ) -> None:
        """Begin with no frame passed."""
        self.time_s = time_s
        self._picture = picture
        self._known = known
        self._carry = carry
        self._passed: list[SmallPicture] = []
        self._lock = threading.Lock()

    def passed(self, picture: SmallPicture) -> None:
        """Note the next frame. Called from the thread that shows the frames."""
        with self._lock:
            self._passed.append(picture)
            if len(self._passed) > MAX_PASSED:
                self._passed = _thinned(self._passed)

    def work(self, segmenter: Segmenter, image: NDArray[np.uint8]) -> Carrier:
        """Run the network on (H, W, 3) uint8 RGB and return its result, almost up to date."""
        (found,) = segmenter.segment(image[None])
        carrier = self._carry(self._picture, take_apart(found, self._known))
        num = MAX_PASSED
        while num > MAX_LEFT:
            # each round at most half as long as the one before: it ends on slow machines too
            num = self.catch_up(carrier, num // 2)
        return carrier

    def catch_up(self, carrier: Carrier, max_num: int = MAX_PASSED) -> int:
        """Carry over what has passed and not been carried over; returns how many frames.

        Args:
            carrier: of the result.
            max_num: of more frames only some are carried over, the newest among them.
        """
        with self._lock:
            passed, self._passed = self._passed, []
        while len(passed) > max_num:
            passed = _thinned(passed)
        for picture in passed:
            carrier.step(picture)
        return len(passed)


def _thinned(pictures: list[SmallPicture]) -> list[SmallPicture]:
    """Return every second picture, the newest among them, so that the way to it stays whole."""
    return pictures[::-1][::2][::-1]
