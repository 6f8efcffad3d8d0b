"""Light of the background that falls on the edges of the foreground, as it does in a real room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.composite import STRIP_BYTES, per_channel
from effects.effect import Effect, Image, Pixels, check

#: How far the light reaches into the foreground, a standard deviation of a share of the height.
REACH = 0.012
#: What light there is at an edge, of that behind it.
STRENGTH = 0.8
#: All is computed where the short side has at most this many pixels, and enlarged.
MAX_SIDE = 180
#: Light that can be seen, of 255.
MIN_LIGHT = 2
#: By how much the background must be brighter, of 255, to give all of its colour.
FULL_COLOUR = 32


@runtime_checkable
class LightingEffect(Effect, Protocol):
    """An effect whose background, in the place of the old one, can light the foreground."""

    @property
    def has_light(self) -> bool:
        """That it is one."""


Part = tuple[slice, slice]


class _Wrap(NamedTuple):
    """Where light falls, in a frame made small.

    Attributes:
        weight: (h, w) uint8, how much of the light comes to each place.
        behind: (h, w) float32 in [0, 255], what is background.
        sigma_px: how far light reaches.
        halvings: how often the frame was halved.
        part: rows and columns on which light falls.
    """

    weight: NDArray[np.uint8]
    behind: NDArray[np.float32]
    sigma_px: float
    halvings: int
    part: Part


def with_light_wrap(shown: Image, alpha: NDArray[np.uint8]) -> Image:
    """Return a picture whose background lights the edges of its foreground.

    Only light is added, in each channel as much as the background is brighter, and none where
    `alpha` is 0: what is background stays as it is.

    Args:
        shown: (H, W, 3) uint8 RGB, the foreground before its background. Never written to.
        alpha: (H, W) uint8, 255 = foreground.

    Returns:
        (H, W, 3) uint8, `shown` itself where there is no edge.
    """
    check(shown, alpha)
    wrap = _wrap(alpha)
    if wrap is None:
        return shown
    result = shown.copy()
    part, weight = _weight(wrap, alpha)
    light = _light(shown, wrap, wrap.halvings)
    for rows in _strips(weight, shown):
        seen = result[part][rows]
        brighter = cv2.subtract(light[rows], seen)
        share = per_channel(weight[rows], shown)
        seen[:] = cv2.add(seen, cv2.multiply(brighter, share, scale=1 / 255))
    return result


def planes_with_light_wrap(planes: Sequence[Pixels], alpha: NDArray[np.uint8]) -> list[Pixels]:
    """Do the same for luma and twice chroma, of its size or half of it, rounded up.

    Args:
        planes: (h, w) uint8, or uint16 with 10 bits. Never written to.
        alpha: (H, W) uint8, 255 = foreground.

    Returns:
        As many planes; arrays of their own, or those passed in.
    """
    wrap = _wrap(alpha)
    if wrap is None:
        return list(planes)
    luma, *chroma = planes
    part, weight = _weight(wrap, alpha)
    brighter = cv2.subtract(_light(luma, wrap, wrap.halvings), luma[part])
    more = cv2.multiply(brighter, weight.astype(luma.dtype), scale=1 / 255)
    results = [luma.copy()]
    results[0][part] = cv2.add(luma[part], more)
    unit = 1 if luma.dtype == np.uint8 else 4
    share = cv2.convertScaleAbs(brighter, alpha=255 / (FULL_COLOUR * unit))
    weight = np.asarray(cv2.multiply(weight, share, scale=1 / 255), np.uint8)
    for plane in chroma:
        is_half = plane.shape != luma.shape
        light = _light(plane, wrap, wrap.halvings - is_half).astype(np.float32)
        part = _in_frame(wrap, wrap.halvings - is_half, plane.shape)
        seen = plane[part].astype(np.float32)
        size = seen.shape[1], seen.shape[0]
        small = cv2.resize(weight, size).astype(np.float32)
        results.append(plane.copy())
        results[-1][part] = (seen + (light - seen) * (small / 255) + 0.5).astype(plane.dtype)
    return results


def _wrap(alpha: NDArray[np.uint8]) -> _Wrap | None:
    """Return where light falls, `None` where there is none."""
    halvings = 1  # chroma has half the size to begin with
    while min(alpha.shape) >> halvings > MAX_SIDE:
        halvings += 1
    small = _halved(alpha, halvings)
    behind = np.asarray(cv2.bitwise_not(small), np.float32)
    sigma_px = max(0.8, REACH * small.shape[0])
    weight = cv2.convertScaleAbs(cv2.GaussianBlur(behind, (0, 0), sigma_px), alpha=STRENGTH)
    lit = np.asarray((weight >= MIN_LIGHT) & (small > 0), np.uint8)
    left, top, width, height = cv2.boundingRect(lit)
    if not width:
        return None
    part = slice(max(0, top - 1), top + height + 1), slice(max(0, left - 1), left + width + 1)
    return _Wrap(np.asarray(weight, np.uint8), behind, sigma_px, halvings, part)


def _halved(image: Pixels, times: int) -> Pixels:
    """Return (h, w) or (h, w, C) at half its sides, rounded up, so many times."""
    for _ in range(times):
        size = (image.shape[1] + 1) // 2, (image.shape[0] + 1) // 2
        image = np.asarray(cv2.resize(image, size))
    return image


def _in_frame(wrap: _Wrap, halvings: int, size_hw: tuple[int, ...]) -> Part:
    """Return the part on which light falls in a picture that was halved so often."""
    rows, columns = (
        slice(side.start << halvings, min(side.stop << halvings, length))
        for side, length in zip(wrap.part, size_hw[:2], strict=True)
    )
    return rows, columns


def _weight(wrap: _Wrap, alpha: NDArray[np.uint8]) -> tuple[Part, NDArray[np.uint8]]:
    """Return the part of the frame on which light falls, and (h, w) uint8, how much of it."""
    part = _in_frame(wrap, wrap.halvings, alpha.shape)
    weight = _enlarged(wrap.weight[wrap.part], wrap.halvings, alpha[part].shape)
    return part, np.asarray(cv2.multiply(weight, alpha[part], scale=1 / 255), np.uint8)


def _light(image: Pixels, wrap: _Wrap, halvings: int) -> Pixels:
    """Return the light of the background at each pixel of the part on which it falls."""
    small = _halved(image, halvings).astype(np.float32)
    total = cv2.GaussianBlur(small * per_channel(wrap.behind, small), (0, 0), wrap.sigma_px)
    weight = cv2.GaussianBlur(wrap.behind, (0, 0), wrap.sigma_px)
    mean = total / np.maximum(per_channel(weight, small), np.float32(1e-3))
    light = np.rint(mean[wrap.part]).astype(image.dtype)
    return _enlarged(light, halvings, image[_in_frame(wrap, halvings, image.shape)].shape)


def _enlarged(small: Pixels, halvings: int, size_hw: tuple[int, ...]) -> Pixels:
    """Return a part as large as it was before it was halved so often, cut to a size."""
    size = small.shape[1] << halvings, small.shape[0] << halvings
    return np.asarray(cv2.resize(small, size)[: size_hw[0], : size_hw[1]])


def _strips(weight: NDArray[np.uint8], image: Pixels) -> Iterator[slice]:
    """Yield rows that fit into the processor's cache together."""
    num = max(1, STRIP_BYTES // (weight.shape[1] * image.shape[2]))
    for top in range(0, weight.shape[0], num):
        yield slice(top, top + num)
