"""Dense optical flow between two frames, and values moved along it."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

#: Smaller images are continued to this size: OpenCV's search, which ends at a quarter of the
#: resolution, otherwise changes its settings by itself and may read outside the image.
MIN_SIDE = 72


class OpticalFlow:
    """DIS flow as masks want it: patches small and dense, no smoothing across outlines.

    Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search", arXiv:1603.03590. It is
    OpenCV's fastest preset with patches of 6 pixels every 3 (8 every 4 there), so that limbs have
    patches of their own. The variational refinement of the slower presets is left out: it draws
    the motion of the background over thin parts.
    """

    def __init__(self) -> None:
        """Set up the search; one object may serve any number of frames and sizes."""
        search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        search.setPatchSize(6)
        search.setPatchStride(3)
        self._search = search

    def backward(self, luma: NDArray[np.uint8], past: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the backward flow: where each pixel of a frame was in one before it.

        Args:
            luma: (h, w) uint8, of the frame.
            past: (h, w) uint8, of the one before.

        Returns:
            (h, w, 2) float32, x and y in pixels: what is at p was at p + flow(p).

        Raises:
            ValueError: the two have different shapes.
        """
        if luma.shape != past.shape:
            raise ValueError(f"past: expected {luma.shape}, got {past.shape}")
        height, width = luma.shape
        edges = 0, max(0, MIN_SIDE - height), 0, max(0, MIN_SIDE - width), cv2.BORDER_REPLICATE
        if edges[1] or edges[3]:
            luma, past = (cv2.copyMakeBorder(image, *edges) for image in (luma, past))
        return np.asarray(self._search.calc(luma, past, None)[:height, :width], np.float32)


def warp(values: NDArray[np.uint8], flow: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return what of a past frame's `values` belongs at each pixel now, bilinearly.

    What came in over the border gets the value that was at the border.

    Args:
        values: (h, w) or (h, w, C) uint8, of the past frame.
        flow: (h, w, 2) float32, as `OpticalFlow.backward` gives it.

    Returns:
        uint8 of the shape of `values`.
    """
    places = _grid(flow.shape[0], flow.shape[1]) + flow
    return np.asarray(
        cv2.remap(values, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )


def mismatch(now: NDArray[np.uint8], moved: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return how badly a frame is explained by the one before it: where the flow has failed.

    Args:
        now: (h, w, 3) uint8.
        moved: the frame before it warped along the flow, likewise.

    Returns:
        (h, w) uint8, absolute differences, summed over the channels up to 255 and averaged over 5
        by 5 pixels.
    """
    first, second, third = cv2.split(cv2.absdiff(now, moved))
    return np.asarray(cv2.blur(cv2.add(cv2.add(first, second), third), (5, 5)), np.uint8)


@cache
def _square_grid(side: int) -> NDArray[np.float32]:
    return np.dstack(np.meshgrid(np.arange(side), np.arange(side))).astype(np.float32)


def _grid(height: int, width: int) -> NDArray[np.float32]:
    """Return (height, width, 2) float32: x and y of each pixel."""
    # only squares of a power of two are kept, since the parts asked for differ from frame to frame
    side = 1 << (max(height, width) - 1).bit_length()
    return _square_grid(side)[:height, :width]
