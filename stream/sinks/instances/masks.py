"""Masks of instances at the size of their frame, and as COCO writes them: RLE and polygons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances
from stream.frame import Output

Mask = NDArray[np.uint8]


def at_frame_size(output: Output) -> Iterator[tuple[Instances, Mask]]:
    """Yield each instance of an output, best first, in pixels of its frame.

    One is resized at a time, so that memory does not grow with their number.

    Yields:
        `Instances` of one object, and its mask: (H, W) uint8 of the frame's size, 255 inside
        and 0 outside.
    """
    instances = output.instances
    if instances is None:
        return
    height, width = output.frame.picture.size_hw
    for rank in range(len(instances)):
        found = instances[rank : rank + 1].scaled_to((height, width))
        inside = cv2.threshold(found.masks[0], 127, 255, cv2.THRESH_BINARY)[1]
        yield found, np.asarray(inside, np.uint8)


def to_rle(mask: Mask) -> dict[str, Any]:
    """Return COCO's compressed run-length encoding of an (H, W) mask, inside is not 0.

    Returns:
        `size`, [H, W], and `counts`, the runs in column order as a string.
    """
    from pycocotools.mask import encode

    rle = encode(np.asfortranarray(mask != 0).view(np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def to_polygons(mask: Mask) -> list[list[int]]:
    """Return the outlines of an (H, W) mask, inside is not 0, as COCO's polygons.

    They follow the edges of the pixels (pixel i spans i to i + 1), and their union is the mask
    exactly. COCO's polygons cannot have holes, so a part that has some is cut through them.

    Returns:
        Polygons, each a flat list x1 y1 x2 y2 ... in pixels; none where nothing is inside.
    """
    return [outline.ravel().tolist() for outline in _pieces(mask, 0, 0)]


def _pieces(mask: Mask, x: int, y: int) -> Iterator[NDArray[np.int32]]:
    """Yield outlines without holes, (N, 2) x y, of a mask whose corner lies at `x`, `y`."""
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return
    mask = mask[top : top + height, left : left + width]
    corner = np.array([x + left, y + top], np.int32)
    outlines, holes = _outlines(mask)
    if not holes:
        yield from (outline + corner for outline in outlines)
        return
    # cut at the hole in the middle: whatever the number of holes, few cuts follow each other
    column = sorted(int(hole[:, 0].min()) for hole in holes)[len(holes) // 2]
    yield from _pieces(mask[:, :column], corner[0], corner[1])
    yield from _pieces(mask[:, column:], corner[0] + column, corner[1])


def _outlines(mask: Mask) -> tuple[list[NDArray[np.int32]], list[NDArray[np.int32]]]:
    """Return the outlines of the parts of a mask and of its holes, (N, 2) x y of pixel edges."""
    # OpenCV's contours run through pixel centres. With each pixel four, the centre of every
    # border pixel belongs to one edge: 2 i to the edge at i, 2 i + 1 to the one at i + 1.
    doubled = cv2.resize(mask, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    contours, tree = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    parts: list[NDArray[np.int32]] = []
    holes: list[NDArray[np.int32]] = []
    for contour, (_, _, _, parent) in zip(contours, tree.reshape(-1, 4), strict=True):
        points = (contour.reshape(-1, 2) + 1) // 2
        points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
        (parts if parent < 0 else holes).append(points.astype(np.int32))
    return parts, holes
