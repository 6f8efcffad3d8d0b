"""Shapes that people draw around objects become masks in run-length encoding."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.data.parts.dataset import RLE

#: How far an outline may reach beyond the photo, as a share of its long side: a slip of the hand
MAX_OUTSIDE = 0.05
#: Pixels along an outline; drawing takes 200 bytes for each
MAX_LENGTH = 2_000_000
#: Corners that are looked at quickly
_FEW = 100
#: A few hundred bytes are needed for each of these for a while
_RUNS_AT_ONCE = 100_000
NUM_CIRCLE_POINTS = 90

Size = tuple[int, int]
Points = NDArray[np.float64]  # (N, 2) x y in pixels; the first pixel reaches from 0 to 1


def pairs(values: Any) -> Points:
    """Return points from x1 y1 x2 y2 ... or from pairs x, y.

    Raises:
        ValueError: that is something else.
    """
    try:
        points = np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        points = np.full(1, np.nan)
    if points.size % 2 or not np.isfinite(points).all():
        raise ValueError("the points are not a list of pairs of numbers")
    return points.reshape(-1, 2)


def polygon(values: Any) -> Points:
    """Return the corners of a polygon from what `pairs` takes.

    Raises:
        ValueError: these are no corners of a polygon.
    """
    points = pairs(values)
    if len(points) == 0:
        raise ValueError("the polygon is empty")
    if _num_different(points[:_FEW]) < 3 and _num_different(points) < 3:
        raise ValueError("the polygon has fewer than 3 different corners")
    return points


def _num_different(points: Points) -> int:
    return len(set(map(tuple, points.tolist())))


def rectangle(x: float, y: float, width: float, height: float) -> Points:
    """Return the corners of a rectangle.

    Raises:
        ValueError: it has no area.
    """
    if not (width > 0 and height > 0):
        raise ValueError(f"the rectangle is {width:g} wide and {height:g} high")
    return polygon([x, y, x + width, y, x + width, y + height, x, y + height])


def ellipse(x: float, y: float, radius_x: float, radius_y: float, turn_rad: float = 0.0) -> Points:
    """Return points of an ellipse around (x, y), turned clockwise as seen on the screen.

    Raises:
        ValueError: it has no area.
    """
    if not np.isfinite([x, y, radius_x, radius_y, turn_rad]).all():
        raise ValueError("the circle or ellipse is not made of numbers")
    if not (radius_x > 0 and radius_y > 0):
        raise ValueError(f"the radii are {radius_x:g} and {radius_y:g}")
    angles = np.linspace(0, 2 * np.pi, NUM_CIRCLE_POINTS, endpoint=False)
    # of the polygon with corners on the ellipse, the area is smaller by this factor
    shortfall = math.sin(angles[1]) / angles[1]
    along = np.cos(angles) * radius_x / math.sqrt(shortfall)
    across = np.sin(angles) * radius_y / math.sqrt(shortfall)
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    return polygon(
        np.column_stack([x + along * cos - across * sin, y + along * sin + across * cos])
    )


def encode_outlines(outlines: Sequence[Points], size_hw: Size, *, whole: bool = True) -> RLE | None:
    """Return the union of closed outlines, cut off at the photo's border.

    Pixels are inside as pycocotools decides it, whatever the format was.

    Args:
        outlines: at least one.
        size_hw: of the photo.
        whole: outlines drawn corner by corner, which nobody draws far beyond the photo;
            circles may well reach beyond it.

    Returns:
        The mask; `None` where the object is smaller than a pixel and covers none.

    Raises:
        ValueError: what is wrong with the outlines.
    """
    from pycocotools import mask as coco_mask

    height, width = size_hw
    for points in outlines:
        check_place(points, size_hw, whole=whole)
    cut = [np.clip(points, -width - height, 2 * (width + height)) for points in outlines]
    for points in cut:
        steps = np.abs(np.diff(points, axis=0, append=points[:1])).max(axis=1)
        if steps.sum() > max_length(size_hw, np.array(len(points))):
            raise ValueError(f"the outline is {steps.sum():.0f} pixels long, no object's")
    flat = [points.ravel().tolist() for points in cut]
    rle: RLE = coco_mask.merge(coco_mask.frPyObjects(flat, *size_hw))
    if coco_mask.area(rle):
        return rle
    for points in outlines:
        if (np.ptp(points, axis=0) == 0).any():
            raise ValueError("the polygon encloses nothing")
    return None


def merged(parts: Sequence[RLE]) -> RLE:
    """Return the union of masks of one photo."""
    from pycocotools import mask as coco_mask

    rle: RLE = coco_mask.merge(list(parts))
    return rle


def without(rle: RLE, hole: RLE | None) -> RLE | None:
    """Return a mask without what another one covers; `None` where nothing is left."""
    from pycocotools import mask as coco_mask

    if hole is None or not coco_mask.area(coco_mask.merge([rle, hole], True)):
        return rle
    rest = coco_mask.decode(rle) & ~coco_mask.decode(hole) & 1
    left: RLE = coco_mask.encode(np.asfortranarray(rest, np.uint8))
    return left if rest.any() else None


def check_place(points: Points, size_hw: Size, *, whole: bool = True) -> None:
    """Raise `ValueError` where an outline lies or reaches too far beyond the photo."""
    height, width = size_hw
    low, high = points.min(axis=0), points.max(axis=0)
    beyond = max(-low[0], -low[1], high[0] - width, high[1] - height)
    if (high <= 0).any() or low[0] >= width or low[1] >= height:
        raise ValueError(f"{_extent(low, high)} lies outside the photo ({width}x{height})")
    if whole and beyond > max_beyond(size_hw):
        raise ValueError(
            f"{_extent(low, high)} reaches {beyond:.0f} pixels beyond the photo "
            f"({width}x{height}); was it drawn at another size?"
        )


def max_beyond(size_hw: Size) -> float:
    """Return how many pixels an outline may reach beyond the photo."""
    return max(2.0, MAX_OUTSIDE * max(size_hw))


def max_length(size_hw: Size, num_corners: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return how many pixels outlines of so many corners may be long.

    What is longer has many corners, unless it only goes to and fro.
    """
    return np.minimum(20 * sum(size_hw) + 30 * num_corners, MAX_LENGTH)


def _extent(low: NDArray[np.float64], high: NDArray[np.float64]) -> str:
    return f"the outline from {low[0]:g}, {low[1]:g} to {high[0]:g}, {high[1]:g}"


# === Runs ===


def encode_runs(segmentation: dict[str, Any], size_hw: Size) -> RLE:
    """Return COCO's run-length encoding, compressed or not, after a close look at it.

    pycocotools believes what it is given: of too short a mask it returns what was in memory.

    Raises:
        ValueError: what is wrong with it.
    """
    from pycocotools import mask as coco_mask

    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not _is_size(size, size_hw):
        told = str(size)[:80]
        raise ValueError(f"the RLE is of size {told}, the photo is {list(size_hw)} (height, width)")
    num_pixels = size_hw[0] * size_hw[1]
    if isinstance(counts, str | bytes):
        coded = counts if isinstance(counts, bytes) else counts.encode(errors="replace")
        runs = run_lengths(coded, num_pixels + 2)
    else:
        runs = _whole_numbers(counts)
    if runs is None or not runs.size or runs.min() < 0:
        raise ValueError("the RLE is damaged: its counts are no lengths")
    if runs.max() > num_pixels or runs.sum() != num_pixels:
        raise ValueError("the RLE is damaged: its runs do not fill the photo")
    if not runs[1::2].sum():
        raise ValueError("the RLE is empty")
    rle: RLE = coco_mask.frPyObjects({"size": list(size_hw), "counts": runs}, *size_hw)
    return rle


def _is_size(size: Any, size_hw: Size) -> bool:
    if not isinstance(size, list) or len(size) != 2:
        return False
    try:
        return tuple(float(side) for side in size) == size_hw
    except (TypeError, ValueError, OverflowError):
        return False


def _whole_numbers(values: Any) -> NDArray[np.int64] | None:
    """Return whole numbers, which pandas may have made floats; `None` where they are not."""
    if not isinstance(values, list):
        return None
    try:
        numbers = np.asarray(values)
    except (ValueError, OverflowError):
        return None
    if numbers.ndim != 1 or numbers.dtype.kind not in "iuf":
        return None
    is_whole = np.isfinite(numbers) & (np.abs(numbers) < 1 << 40)
    if not is_whole.all() or (numbers != np.floor(numbers)).any():
        return None
    return numbers.astype(np.int64)


def run_lengths(counts: bytes, max_runs: int) -> NDArray[np.int64] | None:
    """Return the runs of a compressed RLE; nonsense gives runs that fit no photo, or `None`.

    Each is written in groups of 5 bits, lowest first, as characters from "0" on: bit 5 says that
    another group follows, bit 4 of the last is the sign. From the fourth on, a run is written as
    the difference to the last but one.

    Args:
        counts: the characters.
        max_runs: of more it is nonsense.
    """
    groups = np.frombuffer(counts, np.uint8) - np.uint8(48)
    ends = np.flatnonzero(groups & 32 == 0).astype(np.int32)
    if not len(ends) or ends[-1] != len(groups) - 1 or len(ends) > max_runs:
        return None
    runs = np.zeros(len(ends), np.int64)
    begin = 0
    for first in range(0, len(ends), _RUNS_AT_ONCE):
        some = slice(first, first + _RUNS_AT_ONCE)
        lengths = np.diff(ends[some], prepend=begin - 1)
        if lengths.max() > 7:  # of 5 bits each: far more than a photo has pixels
            return None
        runs[some] = _values(groups[begin : ends[some][-1] + 1], lengths)
        begin = int(ends[some][-1]) + 1
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _values(groups: NDArray[np.uint8], lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the signed numbers of groups of 5 bits, of which each has so many."""
    ends = np.cumsum(lengths) - 1
    values = np.zeros(len(lengths), np.int64)
    for place in range(int(lengths.max())):
        has = np.flatnonzero(lengths > place)
        at = ends[has] - lengths[has] + 1 + place
        values[has] |= (groups[at] & 31).astype(np.int64) << (5 * place)
    negative = groups[ends] & 16 != 0
    values[negative] -= np.int64(1) << (5 * lengths[negative].astype(np.int64))
    return values


def group_in_order(keys: Sequence[Any]) -> list[list[int]]:
    """Return the indices of equal keys together, in order of first appearance; `None` is unique."""
    groups: dict[Any, list[int]] = {}
    unique = itertools.count()
    for index, key in enumerate(keys):
        groups.setdefault((next(unique),) if key is None else key, []).append(index)
    return list(groups.values())
