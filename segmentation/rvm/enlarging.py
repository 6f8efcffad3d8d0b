"""The matte of a frame, from that of its small image: the last step of the guided filter."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Matte

Maps = NDArray[np.float32]


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
        *colours, alpha = (_bytes(plane) for plane in self.planes(frame))
        return Matte(alpha, np.asarray(cv2.merge(colours), np.uint8))

    def planes(self, frame: NDArray[np.uint8]) -> list[Maps]:
        """Return red, green and blue of the foreground, and alpha, of the frame.

        Returns:
            (H, W) each, to be cut off at 0 and 1.
        """
        size_wh = frame.shape[1], frame.shape[0]
        channels = cv2.split(frame)
        red, green, blue = channels
        total = cv2.add(cv2.add(red, green, dtype=cv2.CV_16U), blue, dtype=cv2.CV_16U)
        planes = []
        for index, (guide, most) in enumerate([*((each, 255) for each in channels), (total, 765)]):
            is_colour = index < 3  # of which what is said is to be added to those of the frame
            if self.is_whole:
                plane = self.matte[..., index]
                if is_colour:
                    plane = plane + guide / np.float32(most)
            else:
                slope = self.slope[..., index] + np.float32(is_colour)
                slope = cv2.resize(slope / np.float32(most), size_wh)
                offset = cv2.resize(np.ascontiguousarray(self.offset[..., index]), size_wh)
                plane = cv2.add(cv2.multiply(slope, guide, dtype=cv2.CV_32F), offset, dst=offset)
            planes.append(np.asarray(plane, np.float32))
        return planes


def _bytes(plane: Maps) -> NDArray[np.uint8]:
    """Return values from 0 to 1 as whole numbers to 255, others cut off."""
    return np.asarray(cv2.multiply(plane, 255.0, dtype=cv2.CV_8U), np.uint8)
