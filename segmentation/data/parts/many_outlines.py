"""The outlines of one photo, drawn together: files of annotations have hundreds of thousands."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.data.parts.dataset import RLE
from segmentation.data.parts.shapes import Points, Size, max_beyond, max_length

#: Numbers that the outlines of an object must have at least: three corners
_MIN_NUMBERS = 6
#: pycocotools measures no more than 255 masks in one call
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Drawn:
    """The mask of an object, and what is known of it.

    Attributes:
        rle: the mask, which is not empty.
        box: (4,) float32, x1 y1 x2 y2 in pixels, x2 and y2 exclusive.
        area: in pixels.
    """

    rle: RLE
    box: NDArray[np.float32]
    area: float


def draw_ordinary(shapes: Sequence[Any], size_hw: Size) -> list[Drawn | None]:
    """Return the mask of each object whose outlines have nothing unusual about them.

    Of an object it is what `encode_outlines` gives for its polygons, in a fraction of the time.

    Args:
        shapes: of each object a list of outlines, each a list x1 y1 x2 y2 ...; or anything else.
        size_hw: of the photo.

    Returns:
        The masks; `None` for what is no such list, or may be wrong: look at it closely.
    """
    return [
        drawn
        for first in range(0, len(shapes), _AT_ONCE)
        for drawn in _draw_some(shapes[first : first + _AT_ONCE], size_hw)
    ]


def _draw_some(shapes: Sequence[Any], size_hw: Size) -> list[Drawn | None]:
    from pycocotools import mask as coco_mask

    drawn: list[Drawn | None] = [None] * len(shapes)
    places = _good_places(shapes, size_hw)
    polygons = [polygon for place in places for polygon in shapes[place]]
    if not polygons:
        return drawn
    encoded = iter(coco_mask.frPyObjects(polygons, *size_hw))
    masks = []
    for place in places:
        parts = list(itertools.islice(encoded, len(shapes[place])))
        masks.append(parts[0] if len(parts) == 1 else coco_mask.merge(parts))
    boxes = np.asarray(coco_mask.toBbox(masks), np.float32)
    boxes[:, 2:] += boxes[:, :2]
    areas = coco_mask.area(masks).tolist()
    for place, rle, box, area in zip(places, masks, boxes, areas, strict=True):
        if area:
            drawn[place] = Drawn(rle, box, float(area))
    return drawn


def _good_places(shapes: Sequence[Any], size_hw: Size) -> list[int]:
    """Return which of the shapes have good outlines only."""
    places = [place for place, shape in enumerate(shapes) if _is_like_polygons(shape)]
    good = _are_good([polygon for place in places for polygon in shapes[place]], size_hw)
    of_shape = np.repeat(places, [len(shapes[place]) for place in places])
    bad = set(of_shape[~good].tolist())
    return [place for place in places if place not in bad]


def _is_like_polygons(shape: Any) -> bool:
    return (
        isinstance(shape, list)
        and bool(shape)
        and all(
            isinstance(values, list) and len(values) >= _MIN_NUMBERS and not len(values) % 2
            for values in shape
        )
    )


def _are_good(polygons: Sequence[list[Any]], size_hw: Size) -> NDArray[np.bool_]:
    """Return (K,) bool of K outlines: they enclose something, within the photo or nearly so."""
    nums = np.array([len(values) for values in polygons], np.intp)
    try:
        numbers = np.fromiter(itertools.chain.from_iterable(polygons), np.float64, nums.sum())
    except (TypeError, ValueError, OverflowError):
        numbers = np.full(1, np.nan)
    if not polygons or not np.isfinite(numbers).all():
        return np.zeros(len(polygons), np.bool_)
    points = numbers.reshape(-1, 2)
    starts = (np.cumsum(nums) - nums) // 2
    height, width = size_hw
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    size = np.array([width, height])
    is_within = (high > 0).all(axis=1) & (low < size).all(axis=1)
    beyond = np.maximum(-low, high - size).max(axis=1)
    is_within &= beyond <= max_beyond(size_hw)
    allowed = max_length(size_hw, nums // 2)
    is_within &= _lengths(points, starts) <= allowed
    return np.asarray(is_within & _have_three_corners(points, starts), np.bool_)


def _lengths(points: Points, starts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the length of each closed outline in pixels, diagonal steps counted as one."""
    following = np.roll(points, -1, axis=0)
    following[np.append(starts[1:], len(points)) - 1] = points[starts]
    steps = np.abs(following - points).max(axis=1)
    return np.asarray(np.add.reduceat(steps, starts), np.float64)


def _have_three_corners(points: Points, starts: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return whether three points of an outline differ from each other."""
    nums = np.diff(starts, append=len(points))
    from_first = (points != np.repeat(points[starts], nums, axis=0)).any(axis=1)
    places = np.where(from_first, np.arange(len(points)), len(points) - 1)
    second = points[np.minimum.reduceat(places, starts)]
    from_second = (points != np.repeat(second, nums, axis=0)).any(axis=1)
    return np.asarray(np.logical_or.reduceat(from_first & from_second, starts), np.bool_)
