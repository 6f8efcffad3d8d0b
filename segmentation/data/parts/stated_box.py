"""Boxes and areas that a file states beside masks: whether they are those of the masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segmentation.data.parts.dataset import RLE, Annotation

#: Overlap of a box with its mask below which it belongs to something else, or is not believed
MIN_BOX_OVERLAP, GOOD_BOX_OVERLAP = 0.5, 0.9
#: One whose sides are that near to the mask's, in pixels, is only more exact, however small it is
BOX_TOLERANCE = 2.0
#: By how much an area may be beyond that of mask and box: outlines drawn past the photo, or very
#: thin, and parts that lie over each other; and pixels by which more is no sign of anything
AREA_FACTOR, AREA_TOLERANCE = 4.0, 16.0


def is_near(corners: Sequence[float], others: Sequence[float]) -> bool:
    """Tell whether two boxes x1 y1 x2 y2 differ by no more than two programs' rounding."""
    pairs_of_sides = zip(corners, others, strict=True)
    return all(abs(side - other) <= BOX_TOLERANCE for side, other in pairs_of_sides)


def is_plausible_area(area: float, annotation: Annotation) -> bool:
    """Tell whether an area in pixels can be that of an annotation's mask, outline or box."""
    x1, y1, x2, y2 = map(float, annotation.box)
    most = AREA_FACTOR * max(annotation.area, (x2 - x1) * (y2 - y1)) + AREA_TOLERANCE
    return annotation.area / AREA_FACTOR - AREA_TOLERANCE <= area <= most


def overlap_with_mask(corners: Sequence[float], rle: RLE) -> float:
    """Return the overlap, 0 to 1, of a box x1 y1 x2 y2 with that of a mask."""
    from pycocotools import mask as coco_mask

    x1, y1, x2, y2 = corners
    of_mask = [coco_mask.toBbox(rle)]
    return float(coco_mask.iou([[x1, y1, x2 - x1, y2 - y1]], of_mask, [False])[0, 0])


def believed(annotation: Annotation) -> NDArray[np.float32]:
    """Return the box (4,) of an annotation, that of its mask where they are not the same.

    That of an outline reaches farther than its mask where there is less than a pixel inside.
    """
    of_mask = Annotation.from_rle(annotation.label, annotation.rle).box
    corners = annotation.box.tolist()
    if is_near(corners, of_mask.tolist()):
        return annotation.box
    is_good = overlap_with_mask(corners, annotation.rle) >= GOOD_BOX_OVERLAP
    return annotation.box if is_good else of_mask
