"""The background without its colours."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.composite import blend_onto
from effects.effect import MOST_DEEP, Deep, DeepPlanar, Image, check


class Grey:
    """Takes the colour out of the background; its luma (ITU-R BT.601 weights) stays."""

    has_alpha = False
    has_light = True

    def __call__(self, image: Image, alpha: NDArray[np.uint8], time_s: float) -> Image:
        """Return (H, W, 3): the frame where alpha is 255, its grey where alpha is 0."""
        check(image, alpha)
        luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        result: Image = cv2.cvtColor(luma, cv2.COLOR_GRAY2RGB)
        blend_onto(result, image, alpha)
        return result

    def on_deep(
        self, picture: DeepPlanar, alpha: NDArray[np.uint8], time_s: float
    ) -> Sequence[Deep]:
        """Do the same with 10 bits, of which luma is a plane of its own; see `DeepEffect`."""
        luma, *chroma = picture.planes
        small = cv2.resize(alpha, chroma[0].shape[::-1], interpolation=cv2.INTER_AREA)
        planes = [luma]
        for colour in chroma:
            planes.append(np.full_like(colour, (MOST_DEEP + 1) // 2))
            blend_onto(planes[-1], colour, np.asarray(small, np.uint8))
        return planes
