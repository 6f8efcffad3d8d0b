"""The outlines of one photo, drawn together: files of annotations have hundreds of thousands."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segmentation.data.parts.dataset import RLE
from segmentation.data.parts.shapes import Points, Size, max_beyond, max_length

#: Numbers that the outlines of an object must have at least: three corners
_MIN_NUMBERS = 6
#: No photo is that many pixels wide
_FAR = 1e9
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


def draw_ordinary(shapes: Sequence[Any], size_hw: Size) -> list[Drawn | Literal["speck"] | None]:
    """Return the mask of each object whose outlines have nothing unusual about them.

    Of an object it is what `encode_outlines` gives for its polygons, in a fraction of the time.

    Args:
        shapes: of each object a list of outlines, each a list x1 y1 x2 y2 ...; or such an outline
            alone; or a list of pairs; or anything else.
        size_hw: of the photo.

    Returns:
        The masks; "speck" for what is smaller than a pixel and covers none; `None` for what is no
        such list, or may be wrong: look at it closely.
    """
    return [
        drawn
        for first in range(0, len(shapes), _AT_ONCE)
        for drawn in _draw_some(shapes[first : first + _AT_ONCE], size_hw)
    ]


def _draw_some(shapes: Sequence[Any], size_hw: Size) -> list[Drawn | Literal["speck"] | None]:
    from pycocotools import mask as coco_mask

    drawn: list[Drawn | Literal["speck"] | None] = [None] * len(shapes)
    good = _good(shapes, size_hw)
    polygons = [polygon for _, shape in good for polygon in shape]
    if not polygons:
        return drawn
    encoded = iter(coco_mask.frPyObjects(polygons, *size_hw))
    masks = []
    for _, shape in good:
        parts = list(itertools.islice(encoded, len(shape)))
        masks.append(parts[0] if len(parts) == 1 else coco_mask.merge(parts))
    boxes = np.asarray(coco_mask.toBbox(masks), np.float32)
    boxes[:, 2:] += boxes[:, :2]
    areas = coco_mask.area(masks).tolist()
    for (place, _), rle, box, area in zip(good, masks, boxes, areas, strict=True):
        drawn[place] = Drawn(rle, box, float(area)) if area else "speck"
    return drawn


def _good(shapes: Sequence[Any], size_hw: Size) -> list[tuple[int, list[list[Any]]]]:
    """Return the place of each shape that has good outlines only, and these."""
    outlines = {
        place: polygons
        for place, shape in enumerate(shapes)
        if (polygons := _as_polygons(shape)) is not None
    }
    are_good = _are_good([polygon for shape in outlines.values() for polygon in shape], size_hw)
    of_shape = np.repeat(list(outlines), [len(shape) for shape in outlines.values()])
    bad = set(of_shape[~are_good].tolist())
    return [(place, shape) for place, shape in outlines.items() if place not in bad]


def _as_polygons(shape: Any) -> list[list[Any]] | None:
    """Return a shape as a list of outlines, `None` where it is something else."""
    if not isinstance(shape, list) or not shape:
        return None
    if isinstance(shape[0], int | float | str):
        shape = [shape]
    elif len(shape) > 2 and all(isinstance(pair, list) and len(pair) == 2 for pair in shape):
        shape = [[number for pair in shape for number in pair]]
    is_list = all(
        isinstance(values, list) and len(values) >= _MIN_NUMBERS and not len(values) % 2
        for values in shape
    )
    return shape if is_list else None


def _are_good(polygons: Sequence[list[Any]], size_hw: Size) -> NDArray[np.bool_]:
    """Return (K,) bool of K outlines: they enclose something, within the photo or nearly so."""
    if not polygons:
        return np.zeros(0, np.bool_)
    nums = np.array([len(values) for values in polygons], np.intp)
    numbers = _as_numbers(polygons)
    is_number = np.abs(numbers) < _FAR  # also false where it is none
    points = np.where(is_number, numbers, 0).reshape(-1, 2)
    starts = (np.cumsum(nums) - nums) // 2
    height, width = size_hw
    low, high = np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)
    size = np.array([width, height])
    beyond = np.maximum(-low, high - size).max(axis=1)
    good = np.logical_and.reduceat(is_number, 2 * starts)
    # what has no width or no height encloses nothing, however long it is
    good &= (high > 0).all(axis=1) & (low < size).all(axis=1) & (high > low).all(axis=1)
    good &= beyond <= max_beyond(size_hw)
    good &= _lengths(points, starts) <= max_length(size_hw, nums // 2)
    return np.asarray(good & _have_three_corners(points, starts), np.bool_)


def _as_numbers(polygons: Sequence[list[Any]]) -> NDArray[np.float64]:
    """Return the numbers of all outlines in a row; what is none makes its outline NaN."""
    try:
        return np.fromiter(itertools.chain.from_iterable(polygons), np.float64)
    except (TypeError, ValueError, OverflowError):
        if len(polygons) == 1:
            return np.full(len(polygons[0]), np.nan)
        return np.concatenate([_as_numbers([polygon]) for polygon in polygons])


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
