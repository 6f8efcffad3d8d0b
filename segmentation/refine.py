"""Alpha at frame size from a small mask: edges guided by the frame, blending over time."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

#: The edges are fitted on a frame halved until its short side has at most this many pixels.
MAX_SHORT_SIDE = 270
#: Radius of the windows in which mask and frame are compared, as a share of that short side: how
#: far an edge of the mask may lie from the frame's own and still be drawn to it.
RADIUS = 1 / 45
#: Variances, in squares of 1/255, below which a window of the frame or of the mask counts as flat.
MIN_LUMA_VARIANCE = 30.0
MIN_MASK_VARIANCE = 20.0
#: Slopes of the contrast curves around one half, of the mask before the fit and of alpha after it:
#: 4 means that what lies below 3/8 becomes 0 and what lies above 5/8 becomes 255.
MASK_CONTRAST = 2.0
ALPHA_CONTRAST = 4.0
#: Weight of a new mask where it agrees with the past, and the mean difference, of 255, from
#: which on it counts alone.
MIN_WEIGHT = 0.3
MIN_CHANGE = 64.0
#: Slopes are held in units of 1/512 in the 16-bit arithmetic at frame size.
SLOPE_UNITS = 512
#: Rows to which that arithmetic is applied at a time, so that it stays in the processor's cache.
STRIP_ROWS = 128


class Refiner:
    """Makes alpha from masks, one for each stream: it remembers the mask before."""

    def __init__(self, *, blend: bool) -> None:
        """Begin without a past.

        Args:
            blend: blend masks over time; `False` for independent pictures.
        """
        self._blend = blend
        self._past: NDArray[np.float32] | None = None

    def alpha(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8], *, restart: bool
    ) -> NDArray[np.uint8]:
        """Bring a mask to the size of its frame and its edges to those of the frame.

        Args:
            image: (H, W, 3) uint8 RGB. Not written to.
            mask: (h, w) uint8 of the whole frame at any size, probability x 255 that a pixel is
                foreground. Not written to.
            restart: the frame does not continue the one of the last call: forget the past.

        Returns:
            (H, W) uint8, 255 = foreground; exactly 0 and 255 but for a narrow band at the edges.

        Raises:
            ValueError: `image` or `mask` has another shape or dtype.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ValueError(f"image: expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
        if mask.dtype != np.uint8 or mask.ndim != 2 or mask.size == 0:
            raise ValueError(f"mask: expected uint8 (h, w), got {mask.dtype} {mask.shape}")
        current = mask.astype(np.float32)
        if self._blend:
            if self._past is not None and not restart and self._past.shape == mask.shape:
                current = blend_over_time(self._past, current)
            self._past = current
        return _follow_edges(image, current)


def blend_over_time(past: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a mean of two masks in which the new one weighs the more the more they differ.

    Small differences are flicker and are damped; where something moved the past counts nothing,
    so that it leaves no ghost.

    Args:
        past: (h, w) float32 in [0, 255], what this function returned for the frame before.
        mask: (h, w) float32 in [0, 255].

    Returns:
        (h, w) float32 in [0, 255].
    """
    change = cv2.blur(cv2.absdiff(mask, past), (3, 3))
    weight = np.clip(change / np.float32(MIN_CHANGE), MIN_WEIGHT, 1)
    return np.asarray(past + weight * (mask - past))


def _follow_edges(image: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return alpha = slope * luma + offset, both smooth and fitted to `mask` on a small frame.

    He and Sun, "Fast guided filter", arXiv:1505.00996: the fit is made small, enlarged, and
    applied to the luma of the full frame, whose edges alpha thereby gets.
    """
    height, width = image.shape[:2]
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    shrink = 1
    while min(height, width) > MAX_SHORT_SIDE * shrink:
        shrink *= 2
    target = np.clip((mask - 127.5) * MASK_CONTRAST + 127.5, 0, 255)
    bottom, right = -height % shrink, -width % shrink
    if bottom or right:  # a whole number of small pixels, so that any part enlarges by itself
        edges = 0, bottom, 0, right, cv2.BORDER_REPLICATE
        luma = cv2.copyMakeBorder(luma, *edges)
        target = cv2.copyMakeBorder(cv2.resize(target, (width, height)), *edges)
    small = luma
    while small.shape[0] * shrink > luma.shape[0]:
        small = cv2.resize(small, (small.shape[1] // 2, small.shape[0] // 2))
    interpolation = cv2.INTER_AREA if target.shape[0] > small.shape[0] else cv2.INTER_LINEAR
    target = cv2.resize(target, small.shape[::-1], interpolation=interpolation)
    slope, offset = _fit(small.astype(np.float32), target)
    slope = np.rint(slope * (ALPHA_CONTRAST * SLOPE_UNITS)).astype(np.int16)
    offset = np.rint((offset - 127.5) * ALPHA_CONTRAST + 127.5).astype(np.int16)
    return _apply(slope, offset, luma, shrink)[:height, :width]


def _apply(
    slope: NDArray[np.int16], offset: NDArray[np.int16], luma: NDArray[np.uint8], scale: int
) -> NDArray[np.uint8]:
    """Return slope * luma + offset at the size of `luma`, `scale` times that of the fit.

    Slopes differ from 0 along the edges of the mask only, a small part of the frame. The rest is
    the offset alone.
    """
    flat = np.clip(offset, 0, 255).astype(np.uint8)
    alpha: NDArray[np.uint8] = cv2.resize(flat, luma.shape[::-1])
    sloping = cv2.dilate((slope != 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    num_rows = max(1, STRIP_ROWS // scale)
    for top in range(0, slope.shape[0], num_rows):
        left, _, width, _ = cv2.boundingRect(sloping[top : top + num_rows])
        if width:
            rows = slice(top, min(top + num_rows, slope.shape[0]))
            columns = slice(left, left + width)
            strip = _scaled(rows, scale), _scaled(columns, scale)
            fitted = cv2.multiply(
                _enlarge(slope, rows, columns, scale),
                luma[strip].astype(np.int16),
                scale=1 / SLOPE_UNITS,
            )
            cv2.add(fitted, _enlarge(offset, rows, columns, scale), dst=fitted)
            alpha[strip] = np.clip(fitted, 0, 255, out=fitted)
    return alpha


def _enlarge(
    values: NDArray[np.int16], rows: slice, columns: slice, scale: int
) -> NDArray[np.int16]:
    """Return a part of `values` enlarged bilinearly, as if cut from the whole enlarged."""
    top, left = max(rows.start - 1, 0), max(columns.start - 1, 0)
    part = values[top : rows.stop + 1, left : columns.stop + 1]
    enlarged = cv2.resize(part, (part.shape[1] * scale, part.shape[0] * scale))
    inside = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    return np.asarray(enlarged[_scaled(inside[0], scale), _scaled(inside[1], scale)])


def _scaled(part: slice, scale: int) -> slice:
    return slice(part.start * scale, part.stop * scale)


def _fit(
    luma: NDArray[np.float32], mask: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit mask = slope * luma + offset in a window around every pixel.

    He et al., "Guided image filtering", PAMI 2013, equations 5 and 6, with one change: every
    window counts by how much of the mask its fit explains (the squared correlation), and the
    mask itself stands in for the rest. Without that the filter is a blur wherever the frame has
    no edge, which eats thin limbs and leaves wide fringes.

    Args:
        luma: (h, w) float32 in [0, 255].
        mask: (h, w) float32 in [0, 255].

    Returns:
        Slope and offset, (h, w) float32 each. |slope| is below 12 and |offset| below 3,500,
        which the arithmetic at frame size relies on.
    """
    size = 2 * max(1, round(min(luma.shape) * RADIUS)) + 1

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.blur(values, (size, size)))

    mean_luma, mean_mask = mean(luma), mean(mask)
    covariance = mean(luma * mask) - mean_luma * mean_mask
    luma_variance = mean(luma * luma) - mean_luma**2 + MIN_LUMA_VARIANCE
    mask_variance = mean(mask * mask) - mean_mask**2 + MIN_MASK_VARIANCE
    slope = covariance / luma_variance
    explained = slope * covariance / mask_variance
    offset = (mean_mask - slope * mean_luma) * explained
    return mean(slope * explained), mean(offset) + (1 - mean(explained)) * mask
