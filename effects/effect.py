"""What an effect is, and the check that every effect makes of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Deep = NDArray[np.uint16]
#: Either of them.
Pixels = NDArray[Any]

#: The largest value of a frame with 10 bits.
MOST_DEEP = 1023


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


@runtime_checkable
class GreyEffect(Effect, Protocol):
    """An effect whose pictures have three equal channels, of which a file of a photo has one."""

    @property
    def is_grey(self) -> bool:
        """That it is one."""


class Planar(Protocol):
    """A picture in planes, such as luma and chroma, that keeps what is made of them."""

    @property
    def planes(self) -> Sequence[Pixels]:
        """(h, w) each, of the picture's size or half of it, rounded up. Never written to.

        uint8, or uint16 in [0, `MOST_DEEP`].
        """

    def halved_planes(self, times: int) -> Sequence[Pixels]:
        """Return the planes of the picture shrunk to half its sides, rounded up, so often.

        All have one size, but for 0 times: `planes`.
        """


@runtime_checkable
class PlanarEffect(Effect, Protocol):
    """An effect that does the same to every channel, whatever its values mean.

    It can therefore be had without a conversion to RGB and back, and what it leaves alone stays
    to the bit as it was.
    """

    def on_planes(self, picture: Planar, alpha: NDArray[np.uint8]) -> list[Pixels]:
        """Apply the effect to a frame in planes.

        Args:
            picture: the frame.
            alpha: (H, W) uint8, see `Effect`.

        Returns:
            As many planes of the same sizes; arrays of their own, or those passed in.
        """


class DeepPlanar(Planar, Protocol):
    """A picture of luma and twice chroma with 10 bits, whose colours need not be those of sRGB."""

    @property
    def deep_rgb(self) -> Deep:
        """(H, W, 3) uint16 RGB in [0, `MOST_DEEP`]."""

    def planes_of(self, image: Deep) -> Sequence[Deep]:
        """Return the planes of such an image."""


@runtime_checkable
class DeepEffect(Effect, Protocol):
    """An effect that knows frames with 10 bits; others are given what a screen shows of them."""

    def on_deep(
        self, picture: DeepPlanar, alpha: NDArray[np.uint8], time_s: float
    ) -> Sequence[Deep]:
        """Apply the effect to a frame with 10 bits.

        Args:
            picture: the frame.
            alpha: (H, W) uint8, see `Effect`.
            time_s: likewise.

        Returns:
            As many planes of the same sizes; arrays of their own, or those passed in.
        """


@runtime_checkable
class ForegroundEffect(Effect, Protocol):
    """An effect that puts the foreground before something else, and must know its colours.

    Without them it makes them out itself, from those of the pixels nearby.
    """

    def on_foreground(
        self, image: Image, alpha: NDArray[np.uint8], foreground: Image, time_s: float
    ) -> Image:
        """Apply the effect to a frame whose foreground's own colours are known.

        Args:
            image: (H, W, 3) uint8 RGB, see `Effect`.
            alpha: likewise.
            foreground: (H, W, 3) uint8 RGB; looked at where alpha is neither 0 nor 255. Never
                written to.
            time_s: likewise.

        Returns:
            As the effect itself.

        Raises:
            ValueError: one of the arrays has another shape or dtype.
        """


@runtime_checkable
class ColouredEffect(Effect, Protocol):
    """An effect that brings colours of its own, which are sRGB's, into frames that may not be."""

    def in_colours(self, convert: Callable[[Image], Pixels]) -> Effect:
        """Return the same effect for frames of other colours.

        Args:
            convert: returns (h, w, 3) uint8 RGB of sRGB in these colours; of frames with 10 bits
                uint16 in [0, `MOST_DEEP`].
        """


@runtime_checkable
class ShapedEffect(Effect, Protocol):
    """An effect that brings a picture of its own into frames whose pixels may not be square."""

    def for_pixels(self, aspect: Fraction) -> Effect:
        """Return the same effect for frames whose pixels are so wide, of their height."""


def check_image(image: Pixels, *, may_be_deep: bool = False) -> None:
    """Raise `ValueError` unless `image` is (H, W, 3) uint8, or maybe uint16, H, W >= 1."""
    if not isinstance(image, np.ndarray):
        raise ValueError(f"image: expected an array (H, W, 3), got {type(image).__name__}")
    is_known = image.dtype == np.uint8 or (may_be_deep and image.dtype == np.uint16)
    if not is_known or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(f"image: expected uint8 (H, W, 3), got {image.dtype} {image.shape}")


def check(image: Pixels, alpha: NDArray[np.uint8], *, may_be_deep: bool = False) -> None:
    """Raise `ValueError` unless `image` is as in `check_image` and `alpha` (H, W) uint8."""
    check_image(image, may_be_deep=may_be_deep)
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
