"""The foreground alone, the rest transparent."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.effect import Image, check
from effects.foreground import Edges, edge_colours, known_edges


class Cutout:
    """Makes the background transparent.

    Where alpha is 0 the colour is black as well, so that a program that ignores the fourth
    channel does not show the room.
    """

    has_alpha = True

    def __call__(self, image: Image, alpha: NDArray[np.uint8], time_s: float) -> Image:
        """Return (H, W, 4): the foreground's own colours and `alpha` as straight alpha."""
        check(image, alpha)
        return self._cut(image, alpha, edge_colours(image, alpha))

    def on_foreground(
        self, image: Image, alpha: NDArray[np.uint8], foreground: Image, time_s: float
    ) -> Image:
        """Do the same with colours that are known; see `ForegroundEffect`."""
        check(image, alpha)
        return self._cut(image, alpha, known_edges(foreground, alpha))

    def _cut(self, image: Image, alpha: NDArray[np.uint8], edges: Edges) -> Image:
        visible = cv2.copyTo(image, alpha, np.zeros_like(image))
        band, colours = edges
        visible.reshape(-1, 3)[band] = colours
        cut: Image = cv2.cvtColor(visible, cv2.COLOR_RGB2RGBA)
        cv2.insertChannel(alpha, cut, 3)
        return cut


def over_black(image: Image) -> Image:
    """Return (H, W, 3) uint8: a picture with straight alpha before black; others as they are.

    Args:
        image: (H, W, 3) or (H, W, 4) uint8.
    """
    if image.shape[2] == 3:
        return image
    opacity = cv2.cvtColor(image[:, :, 3], cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.multiply(image[:, :, :3], opacity, scale=1 / 255), np.uint8)
