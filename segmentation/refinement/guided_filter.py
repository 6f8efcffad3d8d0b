"""Alpha at the size of a frame: a mask far smaller, fitted by the frame's colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.picture import Picture, rows_of_squares

#: Radius of the windows in which mask and frame are compared, as a share of the cells on the
#: short side: how far an edge of the mask may lie from the frame's own and still be drawn to it.
RADIUS = 1 / 45
#: Variances, in squares of 1/255, below which a window of the frame or of the mask counts as flat.
MIN_COLOUR_VARIANCE = 40.0
MIN_MASK_VARIANCE = 20.0
#: The mask is taken to be certain below and above these, of 255, and an edge to lie where it
#: ranges over as much as this among a cell and its neighbours; between none and that, in part.
MIN_UNCERTAIN = 64.0
MAX_UNCERTAIN = 191.0
EDGE_RANGE = 64.0
#: Slope, around one half, of the curve that the first fit goes through before it is fitted again.
FIRST_CONTRAST = 2.0
#: Slope of the curve that alpha goes through last: below 0.3 becomes 0, above 0.7 becomes 255.
ALPHA_CONTRAST = 2.5
#: By how much the means of a cell and its neighbours exceed [0, 255] where no pixel of it can
#: be expected inside.
MIN_EXCESS = 100.0
#: Alpha keeps its value of the frame before where it would change by no more than this, of 255.
MAX_IDLE_CHANGE = 16
#: Cells computed at a time: as a rule all of a frame, since every turn takes some thirty calls.
NUM_CELLS = 4096

SQUARE = np.ones((3, 3), np.uint8)
Plane = NDArray[np.float32]
Planes = NDArray[np.float32]
Bytes = NDArray[np.uint8]


class Fit(NamedTuple):
    """What alpha is in each cell of a frame: slopes . colour + offset, cut to [0, 255].

    Attributes:
        coefficients: (4, h, w) float32: the slopes of red, green and blue, and the offset.
        means: (h, w) float32: alpha of each cell's mean colour, not cut.
        is_mixed: (h, w) bool: cells whose pixels may differ in alpha; in all others it is as good
            as that of the mean.
    """

    coefficients: NDArray[np.float32]
    means: Plane
    is_mixed: NDArray[np.bool_]


def fit(colours: NDArray[np.float32], mask: Plane) -> Fit:
    """Fit a mask by a linear function of the colours in a window around every cell.

    He et al., "Guided image filtering", PAMI 2013, equations 14 to 16, with three changes. Every
    window counts by how much of the mask its fit explains (the squared multiple correlation), and
    the mask itself stands in for the rest: without that the filter is a blur wherever the frame
    has no edge, which eats thin limbs and leaves wide fringes. The fit is made twice, the second
    time to what came of the first, which draws edges from farther. And colours count near the
    edges of the mask only, so that a highlight in the hair is no hole.

    Args:
        colours: (3, h, w) float32 in [0, 255], the mean red, green and blue of each cell.
        mask: (h, w) float32 in [0, 255].

    Returns:
        A fit to the mask with its contrast raised by `ALPHA_CONTRAST`.
    """
    uncertain = np.clip(mask, MIN_UNCERTAIN, MAX_UNCERTAIN)
    span = cv2.morphologyEx(uncertain, cv2.MORPH_GRADIENT, SQUARE)
    nearness = np.minimum(span * np.float32(1 / EDGE_RANGE), 1)
    is_edge = np.asarray(cv2.dilate((nearness > 0).astype(np.uint8), SQUARE))
    coefficients = np.zeros((4, *mask.shape), np.float32)
    coefficients[3] = _sharpened(mask)
    left, top, width, height = cv2.boundingRect(is_edge)
    if width:
        radius = max(1, round(min(mask.shape) * RADIUS))
        rows = slice(max(0, top - 2 * radius), top + height + 2 * radius)
        columns = slice(max(0, left - 2 * radius), left + width + 2 * radius)
        part = ..., rows, columns
        # copied, since all that follows is faster on arrays without gaps
        coefficients[part] = _fit_part(
            colours[part].copy(), mask[part].copy(), nearness[part].copy(), radius
        )
    coefficients *= ALPHA_CONTRAST
    coefficients[3] += 127.5 - 127.5 * ALPHA_CONTRAST
    means = _dot(coefficients[:3], colours) + coefficients[3]
    is_low = np.asarray(cv2.dilate(means, SQUARE)) < -MIN_EXCESS
    is_high = np.asarray(cv2.erode(means, SQUARE)) > 255 + MIN_EXCESS
    return Fit(coefficients, means, (is_edge > 0) & ~is_low & ~is_high)


def _fit_part(colours: Planes, mask: Plane, nearness: Plane, radius: int) -> Planes:
    """Return the coefficients of `fit`, (4, h, w), before the last contrast."""
    box = np.full(2 * radius + 1, 1 / (2 * radius + 1), np.float32)

    def mean(values: Plane) -> Plane:
        # on floats OpenCV runs this twice as fast as `blur`
        return np.asarray(cv2.sepFilter2D(values, cv2.CV_32F, box, box))

    means = [mean(plane) for plane in colours]
    factors = _factorised(colours, means, mean)

    def fit_windows(target: Plane) -> tuple[list[Plane], Plane, Plane]:
        mean_target = mean(target)
        covariance = [mean(plane * target) for plane in colours]
        for plane, plane_mean in zip(covariance, means, strict=True):
            plane -= plane_mean * mean_target
        variance = mean(target * target) - mean_target * mean_target
        variance += np.float32(MIN_MASK_VARIANCE)
        slopes, explained = _regressed(factors, covariance)
        explained /= variance
        return slopes, mean_target - _dot(slopes, means), explained

    slopes, offset, explained = fit_windows(mask)
    target = _sharpened(mask + explained * (_dot(slopes, colours) + offset - mask))
    slopes, offset, explained = fit_windows(target)
    slopes = [mean(slope * explained) * nearness for slope in slopes]
    offset = mean(offset * explained) * nearness + (1 - mean(explained) * nearness) * target
    return np.array([*slopes, offset], np.float32)


def _sharpened(mask: Plane) -> Plane:
    result: Plane = mask * np.float32(FIRST_CONTRAST)
    result += np.float32(127.5 - 127.5 * FIRST_CONTRAST)
    np.clip(result, 0, 255, out=result)
    return result


def _dot(first: Sequence[Plane] | Plane, second: Sequence[Plane] | Plane) -> Plane:
    result: Plane = first[0] * second[0]
    result += first[1] * second[1]
    result += first[2] * second[2]
    return result


def _factorised(
    colours: Planes, means: Sequence[Plane], mean: Callable[[Plane], Plane]
) -> tuple[list[Plane], list[Plane]]:
    """Factorise the colours' covariance matrix in the window around every cell.

    Returns:
        L and D, such that the matrix is L D L': the values of L at green and red, blue and red,
        blue and green, and one by those on the diagonal of D.
    """

    def covariance(i: int, j: int) -> Plane:
        result = mean(colours[i] * colours[j])
        result -= means[i] * means[j]
        return result

    rr, gg, bb = (covariance(i, i) + np.float32(MIN_COLOUR_VARIANCE) for i in range(3))
    rg, rb, gb = covariance(0, 1), covariance(0, 2), covariance(1, 2)
    red: Plane = np.reciprocal(rr)
    gr, br = rg * red, rb * red
    gg -= gr * rg
    gb -= gr * rb
    green: Plane = np.reciprocal(gg)
    bg = gb * green
    bb -= br * rb
    bb -= bg * gb
    return [gr, br, bg], [red, green, np.reciprocal(bb)]


def _regressed(
    factors: tuple[list[Plane], list[Plane]], covariance: list[Plane]
) -> tuple[list[Plane], Plane]:
    """Return the slopes of a linear fit by the colours, and how much variance it explains.

    Args:
        factors: see `_factorised`.
        covariance: of red, green and blue with what is fitted. Written to.
    """
    (gr, br, bg), inverse = factors
    red, green, blue = covariance
    green -= gr * red
    blue -= br * red
    blue -= bg * green
    slopes = [x * y for x, y in zip(covariance, inverse, strict=True)]
    explained = _dot(slopes, covariance)
    red, green, blue = slopes
    green -= bg * blue
    red -= gr * green
    red -= br * blue
    return slopes, explained


def apply(fitted: Fit, picture: Picture, past: Bytes | None) -> Bytes:
    """Return alpha at the size of a frame.

    The coefficients are enlarged bilinearly and applied to the pixels of the mixed cells alone, a
    small part of the frame. Elsewhere alpha is that of the cells' means, enlarged.

    Args:
        fitted: of (h, w) cells.
        picture: of h * cell, w * cell pixels.
        past: (h * cell, w * cell) uint8, alpha of the frame before, whose noise of at most
            `MAX_IDLE_CHANGE` is not to show; `None` for none.

    Returns:
        (h * cell, w * cell) uint8.
    """
    height, width = fitted.is_mixed.shape
    cell = picture.size_hw[0] // height
    flat = cv2.convertScaleAbs(np.clip(fitted.means, 0, 255))
    alpha = _enlarged(np.asarray(flat, np.uint8), fitted.is_mixed, cell)
    alphas = rows_of_squares(alpha, cell)
    pasts = rows_of_squares(past, cell) if past is not None else None
    mixed = np.flatnonzero(fitted.is_mixed)
    for first in range(0, len(mixed), NUM_CELLS):
        y, x = divmod(mixed[first : first + NUM_CELLS], width)
        index = _neighbours(height)[y][:, :, None] * width + _neighbours(width)[x][:, None]
        around = np.take(fitted.coefficients.reshape(4, -1), index.reshape(-1, 9), axis=1)
        new = _cells(_for_channels(around, picture.to_rgb), picture.cells(y, x, cell))
        if pasts is not None:
            _keep_idle(new, pasts[y, :, x].view(np.uint8))
        alphas[y, :, x] = new.view(alphas.dtype)
    return alpha


def _enlarged(flat: Bytes, is_mixed: NDArray[np.bool_], cell: int) -> Bytes:
    """Return (h * cell, w * cell): `flat`, (h, w), enlarged bilinearly.

    Mixed cells, which are computed otherwise, may have any value. As a rule all others are like
    the cells around them, and copied, which takes a fraction of the time.
    """
    height, width = flat.shape
    if (cv2.morphologyEx(flat, cv2.MORPH_GRADIENT, SQUARE) > is_mixed * np.uint8(255)).any():
        return np.asarray(cv2.resize(flat, (width * cell, height * cell)), np.uint8)
    return np.repeat(np.take(_rows_of_each_value(cell), flat), cell, axis=0).view(np.uint8)


@lru_cache(maxsize=8)
def _rows_of_each_value(cell: int) -> NDArray[Any]:
    """Return (256,): rows of `cell` bytes, all 0, all 1 and so on."""
    values = np.arange(256, dtype=np.uint8)[:, None]
    return rows_of_squares(np.repeat(values, cell, axis=1).repeat(cell, axis=0), cell)[:, 0, 0]


def _for_channels(
    coefficients: NDArray[np.float32], to_rgb: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return slopes of the channels of which `to_rgb` makes RGB, and the offset."""
    slopes = coefficients[:3].reshape(3, -1)
    result = (to_rgb.T.astype(np.float32) @ slopes).reshape(coefficients.shape)
    result[3] += coefficients[3]
    return result


@lru_cache(maxsize=8)
def _neighbours(num: int) -> NDArray[np.intp]:
    """Return (num, 3): the one before, itself and the one after, or at the ends itself again."""
    index = np.arange(num)[:, None] + np.arange(-1, 2)
    return np.asarray(np.clip(index, 0, num - 1), np.intp)


def _cells(
    coefficients: NDArray[np.float32], channels: Sequence[Bytes | NDArray[np.int8]]
) -> Bytes:
    """Return alpha, (N, k * k), of N cells.

    Args:
        coefficients: (4, N, 9) float32: for each cell its own and those around it, in the order
            of `_bilinear`: the slopes of the channels, and the offset.
        channels: the pixels of the cells, see `Picture.cells`, the first with k * k.
    """
    num_pixels = channels[0].shape[1]
    *slopes, offset = coefficients
    sums = {num_pixels: offset @ _bilinear(num_pixels)}  # by the number of values in a cell
    for slope, channel in zip(slopes, channels, strict=True):
        product = slope @ _bilinear(channel.shape[1])
        product *= channel
        if channel.shape[1] in sums:
            sums[channel.shape[1]] += product
        else:
            sums[channel.shape[1]] = product
    alpha = sums.pop(num_pixels)
    for halved in sums.values():
        alpha += halved @ _doubling(num_pixels)
    return np.asarray(cv2.convertScaleAbs(np.clip(alpha, 0, 255, out=alpha)), np.uint8)


def _keep_idle(new: Bytes, past: Bytes) -> None:
    """Put the past's values where those of `new` differ little, but for 0 and 255."""
    is_idle = cv2.inRange(cv2.absdiff(new, past), 0, MAX_IDLE_CHANGE)
    cv2.copyTo(past, cv2.bitwise_and(is_idle, cv2.inRange(new, 1, 254)), new)


@lru_cache(maxsize=8)
def _bilinear(num_pixels: int) -> NDArray[np.float32]:
    """Return (9, num_pixels): weights of a cell and its neighbours for each of its pixels."""
    cell = math.isqrt(num_pixels)
    position = (np.arange(cell) + 0.5) / cell - 0.5
    axis = np.stack([np.maximum(-position, 0), 1 - abs(position), np.maximum(position, 0)])
    weights = np.einsum("ay,bx->abyx", axis, axis).reshape(9, cell * cell)
    return np.asarray(weights, np.float32)


@lru_cache(maxsize=8)
def _doubling(num_pixels: int) -> NDArray[np.float32]:
    """Return (num_pixels / 4, num_pixels): each pixel of a cell of half the side, for four."""
    half = math.isqrt(num_pixels) // 2
    axis = np.repeat(np.eye(half), 2, axis=1)
    weights = np.einsum("ay,bx->abyx", axis, axis).reshape(half * half, num_pixels)
    return np.asarray(weights, np.float32)
