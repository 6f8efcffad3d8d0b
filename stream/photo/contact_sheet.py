"""Many pictures on one, in rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

#: Height and width of a cell, the gap between two, and the most cells in a row, in pixels
CELL_HW, GAP, COLUMNS = (300, 400), 6, 4
_GROUND = 40


def contact_sheet(pictures: Sequence[Image]) -> Image:
    """Return (H, W, 3) uint8 with all pictures, each as large as its cell allows.

    Args:
        pictures: at least one, (h, w, 3) uint8, of any sizes.
    """
    columns = min(COLUMNS, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    height, width = (side + GAP for side in CELL_HW)
    sheet: Image = np.full((rows * height + GAP, columns * width + GAP, 3), _GROUND, np.uint8)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        scale = min(CELL_HW[0] / picture.shape[0], CELL_HW[1] / picture.shape[1])
        h, w = (max(1, round(side * scale)) for side in picture.shape[:2])
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(picture, (w, h), interpolation=method)
        top = GAP + row * height + (CELL_HW[0] - h) // 2
        left = GAP + column * width + (CELL_HW[1] - w) // 2
        sheet[top : top + h, left : left + w] = small
    return sheet
