"""Masks blended over time: calm where the picture stands still, new at once where it moves."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

#: Difference between a cell's colour and its mean of the past, of 255 in the channel that differs
#: most, up to which it has not moved, and the one from which on the past counts nothing; both
#: beyond the noise, which is taken to be `NOISE_REACH` times the median difference.
MAX_STILL_CHANGE = 3.0
MIN_MOVED_CHANGE = 9.0
NOISE_REACH = 2.0
#: A median above this is no noise: the camera moves.
MAX_NOISE = 3.0
#: Frames that count as the past at most. A new mask then weighs 1 / (MAX_AGE + 1).
MAX_AGE = 16.0


class TemporalBlend:
    """Running means of mask and picture, as long in each cell as the picture agrees with its own.

    The picture decides and not the mask: a mask that changes where the picture does not is
    flicker, however large the change. A motion too slow to see from one frame to the next adds up
    against the mean, and the cell begins anew, its first masks weighing 1, 1/2, 1/3 and so on.
    """

    def __init__(self) -> None:
        """Begin without a past."""
        self._mask: NDArray[np.float32] | None = None
        self._colours: NDArray[np.float32] = np.zeros((3, 0, 0), np.float32)
        self._age: NDArray[np.float32] = np.zeros((0, 0), np.float32)

    def forget(self) -> None:
        """Begin anew with the next mask."""
        self._mask = None

    def blend(self, colours: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean of a mask and those before it.

        Args:
            colours: (3, h, w) float32 in [0, 255], red, green and blue of the picture, which is
                small enough that noise has been averaged out. A size other than the last one
                begins anew. Not written to, and kept.
            mask: (h, w) float32 in [0, 255].

        Returns:
            (h, w) float32 in [0, 255], not to be written to.
        """
        if self._mask is None or self._mask.shape != mask.shape:
            self._mask, self._colours = mask, colours
            self._age = np.zeros_like(mask)
            return mask
        step = colours - self._colours
        self._age = np.minimum((self._age + 1) * _stillness(step), np.float32(MAX_AGE))
        weight: NDArray[np.float32] = np.reciprocal(self._age + 1)
        self._colours = self._colours + step * weight
        self._mask = self._mask + weight * (mask - self._mask)
        return self._mask


def _stillness(step: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 0 where a cell or one beside it moved, 1 where none did."""
    change = np.abs(step).max(axis=0)
    ordered = np.sort(change[::4, ::4], axis=None)
    median = float(ordered[len(ordered) // 2] + ordered[(len(ordered) - 1) // 2]) / 2
    noise = NOISE_REACH * min(median, MAX_NOISE)
    nearby = cv2.dilate(change, np.ones((3, 3), np.uint8))
    span = np.float32(MIN_MOVED_CHANGE - MAX_STILL_CHANGE)
    return np.asarray(np.clip((np.float32(MIN_MOVED_CHANGE + noise) - nearby) / span, 0, 1))
