"""A run of the network that takes longer than a frame, and its result brought up to date."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from segmentation.propagate import Carrier, Picture
from segmentation.segmenter import Segmenter

#: Frames remembered of those that passed meanwhile; of more, every second one is forgotten.
MAX_PASSED = 64

Carry = Callable[[Picture, Instances], Carrier]


class LateRun:
    """The network on one frame, while others pass.

    `work` runs in the executor: first the network, then its result is carried over all frames
    that have passed meanwhile. Whatever passes after that is left to `catch_up`.

    Args:
        picture: the frame the network sees.
        time_s: of the frame.
        carry: makes a carrier of what the network finds.
    """

    def __init__(self, picture: Picture, time_s: float, carry: Carry) -> None:
        """Begin with no frame passed."""
        self.time_s = time_s
        self._picture = picture
        self._carry = carry
        self._passed: list[Picture] = []
        self._lock = threading.Lock()

    def passed(self, picture: Picture) -> None:
        """Note the next frame. Called from the thread that shows the frames."""
        with self._lock:
            self._passed.append(picture)
            if len(self._passed) > MAX_PASSED:
                # the newest stays, so that the way to it does
                self._passed = self._passed[::-1][::2][::-1]

    def work(self, segmenter: Segmenter, image: NDArray[np.uint8]) -> Carrier:
        """Run the network on (H, W, 3) uint8 RGB and return its result, almost up to date."""
        (found,) = segmenter.segment(image[None])
        carrier = self._carry(self._picture, found)
        self.catch_up(carrier)
        return carrier

    def catch_up(self, carrier: Carrier) -> None:
        """Carry over all frames that have passed and not been carried over."""
        while True:
            with self._lock:
                if not self._passed:
                    return
                picture = self._passed.pop(0)
            carrier.step(picture)
