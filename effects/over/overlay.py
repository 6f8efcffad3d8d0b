"""The foreground marked by a colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from effects.effect import Deep, DeepPlanar, Image, Pixels, check
from effects.over.draw import tint

COLOUR = 0, 200, 255  # in sRGB


class Overlay:
    """Tints the foreground and draws a line around it. Hides nothing."""

    has_alpha = False

    def __init__(self) -> None:
        """Take the usual colour."""
        self._colour: tuple[int, ...] = COLOUR

    def __call__(self, image: Image, alpha: NDArray[np.uint8], time_s: float) -> Image:
        """Return (H, W, 3): the frame, tinted where alpha is 255."""
        check(image, alpha)
        return tint(image, alpha, self._colour)

    def on_deep(
        self, picture: DeepPlanar, alpha: NDArray[np.uint8], time_s: float
    ) -> Sequence[Deep]:
        """Do the same with 10 bits; see `DeepEffect`."""
        return picture.planes_of(tint(picture.deep_rgb, alpha, self._colour))

    def in_colours(self, convert: Callable[[Image], Pixels]) -> Overlay:
        """Return it with its colour in those of the frames; see `ColouredEffect`."""
        other = Overlay()
        colour = convert(np.array(COLOUR, np.uint8).reshape(1, 1, 3))
        other._colour = tuple(colour.reshape(3).tolist())
        return other
