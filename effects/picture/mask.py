"""The foreground white on black."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.effect import Image, check


class Mask:
    """Shows where the foreground is, in pure black and white."""

    has_alpha = False
    is_grey = True

    def __call__(self, image: Image, alpha: NDArray[np.uint8], time_s: float) -> Image:
        """Return (H, W, 3): 255 where alpha is at least 128, else 0; no value between."""
        check(image, alpha)
        _, binary = cv2.threshold(alpha, 127, 255, cv2.THRESH_BINARY)
        shown: Image = cv2.cvtColor(binary, cv2.COLOR_GRAY2RGB)
        return shown
