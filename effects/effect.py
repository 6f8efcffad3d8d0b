"""What an effect is, and the check that every effect makes of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


class Effect(Protocol):
    """Turns a frame and its alpha into the picture to show. Keeps no memory of earlier frames."""

    @property
    def has_alpha(self) -> bool:
        """Whether the result carries a fourth channel."""

    def __call__(self, image: Image, alpha: NDArray[np.uint8], time_s: float) -> Image:
        """Apply the effect to one frame.

        Args:
            image: (H, W, 3) uint8 RGB. Never written to.
            alpha: (H, W) uint8, 255 where the foreground is. Never written to. All 0 applies the
                effect to the whole frame.
            time_s: presentation time of the frame in seconds.

        Returns:
            (H, W, 3) uint8 RGB, or (H, W, 4) with straight alpha where `has_alpha`. An array of
            its own, or `image` itself where the effect changes nothing.

        Raises:
            ValueError: `image` or `alpha` has another shape or dtype.
        """


class Planar(Protocol):
    """A picture in planes, such as luma and chroma, that keeps what is made of them."""

    @property
    def planes(self) -> Sequence[Image]:
        """(h, w) uint8 each, of the picture's size or half of it, rounded up. Never written to."""

    def halved_planes(self, times: int) -> Sequence[Image]:
        """Return the planes of the picture shrunk to half its sides, rounded up, so often.

        All have one size, but for 0 times: `planes`.
        """


@runtime_checkable
class PlanarEffect(Effect, Protocol):
    """An effect that does the same to every channel, whatever its values mean.

    It can therefore be had without a conversion to RGB and back, and what it leaves alone stays
    to the bit as it was.
    """

    def on_planes(self, picture: Planar, alpha: NDArray[np.uint8]) -> list[Image]:
        """Apply the effect to a frame in planes.

        Args:
            picture: the frame.
            alpha: (H, W) uint8, see `Effect`.

        Returns:
            As many planes of the same sizes; arrays of their own, or those passed in.
        """


@runtime_checkable
class ColouredEffect(Effect, Protocol):
    """An effect that brings colours of its own, which are sRGB's, into frames that may not be."""

    def in_colours(self, convert: Callable[[Image], Image]) -> Effect:
        """Return the same effect for frames of other colours.

        Args:
            convert: returns (h, w, 3) uint8 RGB of sRGB in these colours.
        """


def check_image(image: Image) -> None:
    """Raise `ValueError` unless `image` is (H, W, 3) uint8, H, W >= 1."""
    if not isinstance(image, np.ndarray):
        raise ValueError(f"image: expected an array (H, W, 3), got {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image: expected uint8 (H, W, 3), got {image.dtype} {image.shape}")


def check(image: Image, alpha: NDArray[np.uint8]) -> None:
    """Raise `ValueError` unless `image` is (H, W, 3) uint8 and `alpha` (H, W) uint8, H, W >= 1."""
    check_image(image)
    if alpha.dtype != np.uint8 or alpha.shape != image.shape[:2]:
        raise ValueError(
            f"alpha: expected uint8 {image.shape[:2]}, got {alpha.dtype} {alpha.shape}"
        )


def check_effect(effect: object) -> None:
    """Raise `ValueError` unless `effect` can be called as an `Effect`; a class of them cannot."""
    if not callable(effect) or isinstance(effect, type):
        raise ValueError(f"effect: expected NAME[=VALUE] or an effect, got {effect!r}")


def check_shown(shown: object, size_hw: tuple[int, ...]) -> None:
    """Raise `ValueError` unless `shown`, of somebody's own effect, is uint8 (H, W, 3 or 4)."""
    if not isinstance(shown, np.ndarray):
        raise ValueError(f"the effect returned no array but {type(shown).__name__}")
    if shown.dtype != np.uint8 or shown.shape not in ((*size_hw, 3), (*size_hw, 4)):
        raise ValueError(
            f"the effect returned {shown.dtype} {shown.shape}, not uint8 {(*size_hw, 3)}"
        )
