"""The frame as it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from effects.effect import Image, Pixels, Planar, check


class Unchanged:
    """Changes nothing. Hides nothing either, also where no mask is known."""

    has_alpha = False

    def __call__(self, image: Image, alpha: NDArray[np.uint8], time_s: float) -> Image:
        """Return `image` itself."""
        check(image, alpha)
        return image

    def on_planes(self, picture: Planar, alpha: NDArray[np.uint8]) -> list[Pixels]:
        """Return the planes themselves; see `PlanarEffect`."""
        return list(picture.planes)
