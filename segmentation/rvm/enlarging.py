"""The matte of a frame, from that of its small image: the last step of the guided filter."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

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

    def alpha(self, frame: NDArray[np.uint8]) -> Maps:
        """Return (H, W), from 0 to 1, of a frame (H, W, 3) uint8 RGB."""
        if self.is_whole:
            return np.asarray(np.clip(self.matte[..., 3], 0, 1))
        size_wh = frame.shape[1], frame.shape[0]
        slope, offset = (
            cv2.resize(np.ascontiguousarray(maps[..., 3]), size_wh)
            for maps in (self.slope, self.offset)
        )
        red, green, blue = cv2.split(frame)
        total = cv2.add(cv2.add(red, green, dtype=cv2.CV_16U), blue, dtype=cv2.CV_16U)
        # by the mean of RGB from 0 to 1
        alpha = cv2.multiply(slope, total, scale=1 / (3 * 255), dtype=cv2.CV_32F)
        return np.asarray(np.clip(cv2.add(alpha, offset, dst=alpha), 0, 1, out=alpha))

    def colours(self, frame: NDArray[np.uint8], where: NDArray[np.intp]) -> Maps:
        """Return the foreground's own colours at some pixels.

        Args:
            frame: (H, W, 3) uint8 RGB.
            where: (N,) indices y * W + x of the pixels.

        Returns:
            (N, 3) from 0 to 1.
        """
        seen = np.take(frame.reshape(-1, 3), where, axis=0) / np.float32(255)
        if self.is_whole:
            added = np.take(self.matte.reshape(-1, 4), where, axis=0)[:, :3]
        else:
            both = np.concatenate([self.slope[..., :3], self.offset[..., :3]], axis=2)
            enlarged = _at(both, frame.shape[:2], where)
            added = enlarged[:, :3] * seen + enlarged[:, 3:]
        return np.asarray(np.clip(seen + added, 0, 1))


def _at(maps: Maps, size_hw: tuple[int, ...], where: NDArray[np.intp]) -> Maps:
    """Return some pixels, (N, C), of maps (h, w, C) that were brought to a size bilinearly."""
    columns: list[NDArray[np.intp]] = []
    shares = []
    for place, num, num_out in zip(
        np.divmod(where, size_hw[1]), maps.shape[:2], size_hw, strict=True
    ):
        source = np.maximum((place + 0.5) * (num / num_out) - 0.5, 0)
        first = source.astype(np.intp)
        columns += [first, np.minimum(first + 1, num - 1)]
        shares.append((source - first).astype(np.float32)[:, None])
    top, bottom, left, right = columns
    flat, width = maps.reshape(-1, maps.shape[2]), maps.shape[1]

    def row(y: NDArray[np.intp]) -> Maps:
        first, second = np.take(flat, y * width + left, 0), np.take(flat, y * width + right, 0)
        return np.asarray(first + shares[1] * (second - first))

    above = row(top)
    return np.asarray(above + shares[0] * (row(bottom) - above))
