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
MAX_OUTSIDE = 0.02
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
    if len(np.unique(points, axis=0)) < 3:
        raise ValueError("the polygon has fewer than 3 different corners")
    return points


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
        low, high = points.min(axis=0), points.max(axis=0)
        beyond = max(-low[0], -low[1], high[0] - width, high[1] - height)
        if (high <= 0).any() or low[0] >= width or low[1] >= height:
            raise ValueError(f"{_extent(low, high)} lies outside the photo ({width}x{height})")
        if whole and beyond > max(2.0, MAX_OUTSIDE * max(size_hw)):
            raise ValueError(
                f"{_extent(low, high)} reaches {beyond:.0f} pixels beyond the photo "
                f"({width}x{height}); was it drawn at another size?"
            )
    flat = [np.clip(points, -width - height, 2 * (width + height)).ravel() for points in outlines]
    rle: RLE = coco_mask.merge(coco_mask.frPyObjects([line.tolist() for line in flat], *size_hw))
    if coco_mask.area(rle):
        return rle
    for points in outlines:
        if (np.ptp(points, axis=0) == 0).any():
            raise ValueError("the polygon encloses nothing")
    return None


def _extent(low: NDArray[np.float64], high: NDArray[np.float64]) -> str:
    return f"the outline from {low[0]:g}, {low[1]:g} to {high[0]:g}, {high[1]:g}"


def encode_runs(segmentation: dict[str, Any], size_hw: Size) -> RLE:
    """Return COCO's run-length encoding, compressed or not, after a close look at it.

    pycocotools believes what it is given: of too short a mask it returns what was in memory.

    Raises:
        ValueError: what is wrong with it.
    """
    from pycocotools import mask as coco_mask

    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, list) or tuple(size) != size_hw:
        raise ValueError(f"the RLE is of size {size}, the photo is {list(size_hw)} (height, width)")
    if isinstance(counts, str | bytes):
        counts = run_lengths(counts if isinstance(counts, bytes) else counts.encode())
    if not isinstance(counts, list) or not all(type(run) is int and run >= 0 for run in counts):
        raise ValueError("the RLE is damaged: its counts are no lengths")
    if sum(counts) != size_hw[0] * size_hw[1]:
        raise ValueError("the RLE is damaged: its runs do not fill the photo")
    if not sum(counts[1::2]):
        raise ValueError("the RLE is empty")
    rle: RLE = coco_mask.frPyObjects({"size": list(size_hw), "counts": counts}, *size_hw)
    return rle


def run_lengths(counts: bytes) -> list[int]:
    """Return the runs of a compressed RLE; nonsense gives runs that fit no photo.

    Each is written in groups of 5 bits, lowest first, as characters from "0" on: bit 5 says that
    another group follows, bit 4 of the last is the sign. From the fourth on, a run is written as
    the difference to the last but one.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        group = character - 48
        value |= (group & 31) << shift
        shift += 5
        if not group & 32:
            if group & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return runs


def group_in_order(keys: Sequence[Any]) -> list[list[int]]:
    """Return the indices of equal keys together, in order of first appearance; `None` is unique."""
    groups: dict[Any, list[int]] = {}
    unique = itertools.count()
    for index, key in enumerate(keys):
        groups.setdefault((next(unique),) if key is None else key, []).append(index)
    return list(groups.values())
