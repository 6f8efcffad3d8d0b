"""The matte of a frame, from that of its small image: the last step of the guided filter."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Matte

Maps = NDArray[np.float32]

#: which channel of a matte is alpha; those before it are colours
ALPHA = 3


@dataclass(frozen=True, slots=True)
class SmallMatte:
    """What the network says of a frame.

    Attributes:
        matte: (h, w, 4), see `network.build_network`.
        slope: (h, w, 4) likewise.
        offset: (h, w, 4) likewise.
        is_whole: the small image is the frame itself; the original filters only what was shrunk.
    """

    matte: Maps
    slope: Maps
    offset: Maps
    is_whole: bool

    def of(self, frame: NDArray[np.uint8]) -> Matte:
        """Return the matte of the frame, (H, W, 3) uint8 RGB, in whole numbers."""
        return Matte(_bytes(self.plane(frame, ALPHA)), lambda: self._colours(frame))

    def _colours(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the foreground's colours, (H, W, 3)."""
        planes = [_bytes(self.plane(frame, index)) for index in range(ALPHA)]
        return np.asarray(cv2.merge(planes), np.uint8)

    def plane(self, frame: NDArray[np.uint8], index: int) -> Maps:
        """Return red (0), green (1) or blue (2) of the foreground, or alpha (3), of the frame.

        Returns:
            (H, W), to be cut off at 0 and 1.
        """
        is_colour = index < ALPHA  # of which what is said is to be added to those of the frame
        if is_colour:
            guide, most = cv2.extractChannel(frame, index), 255
        else:
            red, green, blue = cv2.split(frame)
            guide = cv2.add(cv2.add(red, green, dtype=cv2.CV_16U), blue, dtype=cv2.CV_16U)
            most = 3 * 255
        if self.is_whole:
            plane = self.matte[..., index]
            return plane + guide / np.float32(most) if is_colour else plane
        size_wh = frame.shape[1], frame.shape[0]
        slope = self.slope[..., index] + np.float32(is_colour)
        slope = cv2.resize(slope / np.float32(most), size_wh)
        offset = cv2.resize(np.ascontiguousarray(self.offset[..., index]), size_wh)
        plane = cv2.add(cv2.multiply(slope, guide, dtype=cv2.CV_32F), offset, dst=offset)
        return np.asarray(plane, np.float32)


def _bytes(plane: Maps) -> NDArray[np.uint8]:
    """Return values from 0 to 1 as whole numbers to 255, others cut off."""
    return np.asarray(cv2.multiply(plane, 255.0, dtype=cv2.CV_8U), np.uint8)
