"""Another background: a colour, a photo or a video."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from effects.composite import blend
from effects.effect import Deep, DeepPlanar, Image, Pixels, check, check_image
from effects.foreground import Edges, edge_colours, known_edges
from effects.placing import COVER, SQUARE, Placing, placed

#: A background that moves: `(time_s, size_hw)` -> (h, w, 3) uint8 RGB. A size other than
#: `size_hw`, of square pixels, is allowed and brought to it; once, where an array that cannot be
#: written to is returned again.
Background = Callable[[float, tuple[int, int]], Image]


@runtime_checkable
class ColouredBackground(Protocol):
    """A background that moves and may hold more than sRGB does, such as brighter light."""

    def __call__(self, time_s: float, size_hw: tuple[int, int]) -> Image:
        """Return what a screen shows of it; see `Background`."""

    def in_colours(
        self, convert: Callable[[Image], Pixels]
    ) -> Callable[[float, tuple[int, int]], Pixels]:
        """Return it for frames of other colours; see `ColouredEffect`."""


class Replace:
    """Puts the foreground before another background, without a fringe of the old one."""

    has_alpha = False
    has_light = True

    def __init__(self, background: Image | Background, placing: Placing = COVER) -> None:
        """Choose the background.

        Args:
            background: (h, w, 3) uint8 RGB of any size, brought once to that of the frame, or a
                callable asked for every frame.
            placing: how that is done.

        Raises:
            ValueError: it is neither, or the array has another shape or dtype.
        """
        self._background: Callable[[float, tuple[int, int]], Pixels]
        if callable(background):
            self._background = background
        else:
            check_image(background)
            self._background = _Still(background)
        self._placing, self._pixel_aspect = placing, SQUARE
        # what was brought to the frame's size last, and how it looks there
        self._source: Pixels | None = None
        self._placed: Pixels = np.zeros((0, 0, 3), np.uint8)

    def in_colours(self, convert: Callable[[Image], Pixels]) -> Replace:
        """Return it with its background in the colours of the frames; see `ColouredEffect`."""
        background = self._background
        coloured: Callable[[float, tuple[int, int]], Pixels]
        if isinstance(background, _Still):
            coloured = _Still(convert(background.photo))
        elif isinstance(background, ColouredBackground):
            coloured = background.in_colours(convert)
        else:

            def coloured(time_s: float, size_hw: tuple[int, int]) -> Pixels:
                return convert(background(time_s, size_hw))

        return Replace(coloured, self._placing).for_pixels(self._pixel_aspect)

    def for_pixels(self, aspect: Fraction) -> Replace:
        """Return it for frames whose pixels are not square; see `ShapedEffect`."""
        other = copy.copy(self)
        other._pixel_aspect, other._source = aspect, None
        return other

    def __call__(self, image: Image, alpha: NDArray[np.uint8], time_s: float) -> Image:
        """Return (H, W, 3): the frame where alpha is 255, the background where alpha is 0."""
        check(image, alpha)
        return self._before(image, alpha, time_s, edge_colours(image, alpha))

    def on_foreground(
        self, image: Image, alpha: NDArray[np.uint8], foreground: Image, time_s: float
    ) -> Image:
        """Do the same with colours that are known; see `ForegroundEffect`."""
        check(image, alpha)
        return self._before(image, alpha, time_s, known_edges(foreground, alpha))

    def on_deep(
        self, picture: DeepPlanar, alpha: NDArray[np.uint8], time_s: float
    ) -> Sequence[Deep]:
        """Do the same with 10 bits; see `DeepEffect`."""
        image = picture.deep_rgb
        return picture.planes_of(self._before(image, alpha, time_s, edge_colours(image, alpha)))

    def _before(
        self, image: Pixels, alpha: NDArray[np.uint8], time_s: float, edges: Edges
    ) -> Pixels:
        size_hw = alpha.shape[0], alpha.shape[1]
        background = self._fitted(self._background(time_s, size_hw), size_hw)
        result = background.copy()
        cv2.copyTo(image, alpha, result)
        band, colours = edges
        if len(band):
            behind = np.take(background.reshape(-1, 3), band, axis=0)
            opacity = np.take(alpha, band)
            result.reshape(-1, 3)[band] = blend(colours[None], behind[None], opacity[None])[0]
        return result

    def _fitted(self, image: Pixels, size_hw: tuple[int, int]) -> Pixels:
        if image.flags.writeable:  # and may hold something else each time
            if image.shape[:2] == size_hw:
                return image
            return placed(image, size_hw, self._placing, self._pixel_aspect)
        if image is not self._source or self._placed.shape[:2] != size_hw:
            self._source = image
            self._placed = placed(image, size_hw, self._placing, self._pixel_aspect)
        return self._placed


class _Still:
    """A photo as a background."""

    def __init__(self, photo: Pixels) -> None:
        self.photo = photo.view()
        self.photo.flags.writeable = False

    def __call__(self, time_s: float, size_hw: tuple[int, int]) -> Pixels:
        return self.photo


def parse_colour(text: str) -> Image:
    """Return the colour `#RRGGBB` as a (1, 1, 3) uint8 RGB image.

    Raises:
        ValueError: `text` is not of that form.
    """
    if not re.fullmatch("#[0-9a-fA-F]{6}", text):
        raise ValueError(f"a colour must look like #RRGGBB, got {text!r}")
    return np.frombuffer(bytes.fromhex(text[1:]), np.uint8).reshape(1, 1, 3)
