"""The foreground lifted where it is dark, the background as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.composite import STRIP_BYTES, blend_onto
from effects.effect import MOST_DEEP, Image, Pixels, check

#: How bright the brighter half of the foreground, the skin of most, should be, of 1. What is
#: brighter stays as it is.
ENOUGH = 0.5
#: The strongest gamma, and by how much the darkest is made brighter at most: its noise is as well.
LEAST_GAMMA, MAX_GAIN = 0.5, 2.5
#: Least pixels of foreground whose brightness says something.
MIN_PIXELS = 16

#: From sRGB to the colours of frames, see `ColouredEffect`.
Convert = Callable[[Image], Pixels]
Curve = NDArray[np.float64]


def gamma_for(image: Image, alpha: NDArray[np.uint8]) -> float:
    """Return how much a foreground is to be lifted, 1 for not at all, less for more.

    Args:
        image: (h, w, 3) uint8 sRGB; a small one is enough.
        alpha: (h, w) uint8, 255 = foreground.
    """
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[alpha >= 128]
    if len(luma) < MIN_PIXELS:
        return 1.0
    half = len(luma) // 2
    level = max(1.0, float(np.partition(luma, half)[half:].mean())) / 255
    return min(1.0, max(LEAST_GAMMA, math.log(ENOUGH) / math.log(min(level, 0.999))))


class Light:
    """Makes the foreground brighter by a gamma, its colours as saturated as they were.

    Args:
        gamma: see `gamma_for`.
        convert: where frames have other colours than sRGB, 10 bits for one, what makes these of it.
    """

    def __init__(self, gamma: float, convert: Convert | None = None) -> None:
        """Make the curve."""
        self._curve = _curve(gamma)
        if convert is not None:
            self._curve = _in_colours(self._curve, convert)

    def __call__(self, image: Image, alpha: NDArray[np.uint8]) -> Image:
        """Return (H, W, 3) uint8 RGB, `image` itself where there is no foreground.

        Args:
            image: (H, W, 3) uint8 RGB. Never written to.
            alpha: (H, W) uint8, 255 = foreground.
        """
        check(image, alpha)
        left, top, width, height = cv2.boundingRect(alpha)
        if not width:
            return image
        part = slice(top, top + height), slice(left, left + width)
        seen = image[part]
        gain = cv2.LUT(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), _gains(self._curve))
        lit = np.empty_like(seen)
        num = max(1, STRIP_BYTES // (4 * seen[0].size))  # gains are four bytes each
        for start in range(0, height, num):
            rows = slice(start, start + num)
            lit[rows] = cv2.multiply(seen[rows], cv2.merge([gain[rows]] * 3), dtype=cv2.CV_8U)
        return _with(image, part, lit, alpha)

    def on_planes(
        self, planes: Sequence[Pixels], alpha: NDArray[np.uint8], *, full_range: bool
    ) -> list[Pixels]:
        """Do the same for luma and twice chroma, of its size or half of it, rounded up.

        Args:
            planes: (h, w) uint8, or uint16 in [0, `MOST_DEEP`]. Never written to.
            alpha: (H, W) uint8, 255 = foreground.
            full_range: luma uses all values, and not 16 to 235 of 255.

        Returns:
            As many planes; arrays of their own, or those passed in.
        """
        left, top, right, bottom = _even_rectangle(alpha)
        if left == right:
            return list(planes)
        luma, *chroma = planes
        part = slice(top, bottom), slice(left, right)
        table, gains = _of_luma(self._curve, full_range=full_range)
        seen = luma[part]
        results = [_with(luma, part, _looked_up(seen, table.astype(luma.dtype)), alpha)]
        if chroma[0].shape != luma.shape:
            part = slice(top // 2, (bottom + 1) // 2), slice(left // 2, (right + 1) // 2)
            size = part[1].stop - part[1].start, part[0].stop - part[0].start
            seen = np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA))
            alpha = np.asarray(cv2.resize(alpha, chroma[0].shape[::-1]), np.uint8)
        gain = _looked_up(seen, gains.astype(np.float32))
        middle = (len(table) + 1) // 2
        for plane in chroma:
            colour = (plane[part].astype(np.float32) - middle) * gain + (middle + 0.5)
            most = len(table) - 1
            results.append(_with(plane, part, np.clip(colour, 0, most).astype(plane.dtype), alpha))
        return results


def _curve(gamma: float) -> Curve:
    """Return (256,): what becomes of each value, in [0, 255]."""
    values = np.arange(256) / 255
    return np.asarray(np.minimum(values**gamma, values * MAX_GAIN) * 255)


def _in_colours(curve: Curve, convert: Convert) -> Curve:
    """Return a curve of sRGB's greys for those of other colours; brighter ones stay."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    codes = convert(ramp)[0, :, 0]
    num = 256 if codes.dtype == np.uint8 else MOST_DEEP + 1
    all_codes = np.arange(num, dtype=np.float64)
    lifted = np.interp(curve, np.arange(256), codes)
    within = np.interp(all_codes, codes, lifted)
    return np.asarray(np.where(all_codes > codes[-1], all_codes, within))


def _gains(curve: Curve) -> NDArray[np.float32]:
    """Return by what each value is multiplied."""
    values = np.arange(len(curve), dtype=np.float64)
    return np.clip(curve / np.maximum(values, 1), 1, MAX_GAIN).astype(np.float32)


def _of_luma(curve: Curve, *, full_range: bool) -> tuple[Curve, Curve]:
    """Return what becomes of each value of luma, and by what chroma is multiplied there."""
    num = len(curve)
    unit = num // 256
    black, white = (0, num - 1) if full_range else (16 * unit, 235 * unit)
    coded = np.arange(num, dtype=np.float64)
    full = np.clip((coded - black) / (white - black), 0, 1) * (num - 1)
    lifted = np.interp(full, np.arange(num), curve) / (num - 1) * (white - black) + black
    table = np.where((coded < black) | (coded > white), coded, np.rint(lifted))
    return table, np.interp(full, np.arange(num), _gains(curve))


def _looked_up(values: Pixels, table: Pixels) -> Pixels:
    if values.dtype == np.uint8:
        return np.asarray(cv2.LUT(values, table))
    return np.take(table, values)


def _even_rectangle(alpha: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom around the foreground, whose corner is even."""
    left, top, width, height = cv2.boundingRect(alpha)
    right, bottom = left + width, top + height
    left, top = left // 2 * 2, top // 2 * 2
    return (
        left,
        top,
        min(alpha.shape[1], right + right % 2),
        min(alpha.shape[0], bottom + bottom % 2),
    )


def _with(
    image: Pixels, part: tuple[slice, slice], changed: Pixels, alpha: NDArray[np.uint8]
) -> Pixels:
    """Return an image whose part is changed as far as it is foreground."""
    result = image.copy()
    blended = np.ascontiguousarray(image[part])
    blended = blended.copy() if np.may_share_memory(blended, image) else blended
    blend_onto(blended, changed, alpha[part])
    result[part] = blended
    return result
