"""The foreground marked by a colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from effects.draw import tint
from effects.effect import Image, check

COLOUR = (0, 200, 255)


class Overlay:
    """Tints the foreground and draws a line around it. Hides nothing."""

    has_alpha = False

    def __call__(self, image: Image, alpha: NDArray[np.uint8], time_s: float) -> Image:
        """Return (H, W, 3): the frame, tinted where alpha is 255."""
        check(image, alpha)
        return tint(image, alpha, COLOUR)
