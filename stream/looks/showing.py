"""From a frame and its alpha to the picture that is shown of it, with one look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from effects import Effect, PlanarEffect
from effects.background.light_wrap import (
    LightingEffect,
    planes_with_light_wrap,
    with_light_wrap,
)
from effects.effect import (
    ColouredEffect,
    DeepEffect,
    ForegroundEffect,
    GreyEffect,
    Pixels,
    ShapedEffect,
    check_shown,
)
from effects.over.front import Front
from effects.picture.light import Light, gamma_for
from effects.placing import SQUARE
from segmentation.picture import GreyPicture, Picture, RgbPicture
from stream.colour.deep_picture import DeepPicture, ToDeep
from stream.colour.screen import Colours
from stream.frame import Frame
from stream.framing.crop import Crop
from stream.framing.cropped import cropped, cropped_photo, cropped_picture
from stream.looks.look import Look
from stream.photo.colour_profile import from_srgb
from stream.yuv420 import YuvPicture

Image = NDArray[np.uint8]

#: How often a picture is halved before it is looked at how bright it is.
LIGHT_HALVINGS = 3
#: Effects whose form for the frames is kept: those of two looks.
MAX_FITTING = 2
#: What is known of the frames: their colours, `None` for sRGB, and the aspect of their pixels.
_Frames = tuple[bytes | Colours | None, Fraction]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look is given.

    Attributes:
        frame: its picture and photo, cropped where the picture is.
        alpha: (H, W) uint8, 255 where the foreground is, `None` where no mask is known.
        foreground: gives its own colours, of the frame's RGB, `None` where they are unknown.
    """

    frame: Frame
    alpha: Image | None
    foreground: Callable[[], Image | None]

    def cropped(self, crop: Crop) -> Seen:
        """Return a part of it at its size."""
        if crop.is_whole:
            return self
        frame, alpha, foreground = self.frame, self.alpha, self.foreground

        def part_of_foreground() -> Image | None:
            colours = foreground()
            return None if colours is None else np.asarray(cropped(colours, crop), np.uint8)

        return Seen(
            replace(
                frame,
                picture=cropped_picture(frame.picture, crop),
                photo=None if frame.photo is None else cropped_photo(frame.photo, crop),
            ),
            None if alpha is None else np.asarray(cropped(alpha, crop), np.uint8),
            part_of_foreground,
        )


class Showing:
    """Shows frames of one stream; remembers the effects' form for its colours and its pixels."""

    def __init__(self) -> None:
        """Know no effect yet."""
        self._fitting: list[tuple[Effect, _Frames, Effect]] = []

    def shown(self, seen: Seen, look: Look) -> Picture:
        """Return the frame with a look, its effect over all of it where no mask is known.

        Raises:
            ValueError: the effect returns another shape or dtype than it must.
        """
        frame, alpha, staging = seen.frame, seen.alpha, look.staging
        effect = self._fitting_to(frame, look.effect)
        foreground = None
        if not look.invert and isinstance(effect, ForegroundEffect):
            foreground = seen.foreground()
        if staging.light and alpha is not None:
            frame, foreground = _lit(frame, alpha, foreground)
        protected = _protected(frame, alpha, look.invert)
        picture = _with_effect(frame, effect, protected, foreground)
        if staging.light_wrap and isinstance(effect, LightingEffect):
            picture = _light_wrapped(picture, protected)
        if staging.front is not None:
            picture = _behind(staging.front, picture, frame)
        return picture

    def _fitting_to(self, frame: Frame, effect: Effect) -> Effect:
        """Return an effect whose own colours and pixels are the frame's; the last ones are kept."""
        frames = _colours_of(frame, effect), frame.pixel_aspect
        if frames == (None, SQUARE):
            return effect
        for known, known_frames, fitting in self._fitting:
            if known is effect and known_frames == frames:
                return fitting
        fitting = _fitting(effect, *frames)
        self._fitting = [(effect, frames, fitting), *self._fitting][:MAX_FITTING]
        return fitting


def mixed(before: Picture, after: Picture, share: float) -> Picture:
    """Return a picture between two of one size, in their coding where they have the same.

    Args:
        before: the one.
        after: the other.
        share: of the other one, 0 to 1.
    """
    if isinstance(before, YuvPicture | DeepPicture) and isinstance(after, YuvPicture | DeepPicture):
        if before.coding == after.coding:
            planes = list[Pixels](before.planes), list[Pixels](after.planes)
            return after.replaced([_between(a, b, share) for a, b in zip(*planes, strict=True)])
    if before.rgb.shape != after.rgb.shape:
        return after
    return RgbPicture(_between(before.rgb, after.rgb, share))


def _between(before: Pixels, after: Pixels, share: float) -> Pixels:
    return np.asarray(cv2.addWeighted(before, 1 - share, after, share, 0))


def _colours_of(frame: Frame, effect: Effect) -> bytes | Colours | None:
    """Return the colours of a frame as the effect sees it, `None` for those of sRGB."""
    if isinstance(frame.picture, DeepPicture):
        return frame.picture.coding.colours if isinstance(effect, DeepEffect) else None
    return None if frame.photo is None else frame.photo.profile


def _fitting(effect: Effect, colours: bytes | Colours | None, pixel_aspect: Fraction) -> Effect:
    if pixel_aspect != SQUARE and isinstance(effect, ShapedEffect):
        effect = effect.for_pixels(pixel_aspect)
    if colours is None or not isinstance(effect, ColouredEffect):
        return effect
    if isinstance(colours, Colours):
        return effect.in_colours(ToDeep(colours))
    try:
        return effect.in_colours(lambda image: from_srgb(image, colours))
    except ValueError:  # a profile that cannot be used means nothing to others either
        return effect


def _with_effect(frame: Frame, effect: Effect, alpha: Image, foreground: Image | None) -> Picture:
    """Return the frame with the effect, in the frame's own coding where the effect allows it.

    `foreground`: its own colours where they are known, of the frame's RGB.
    """
    picture = frame.picture
    if isinstance(picture, YuvPicture | DeepPicture) and isinstance(effect, PlanarEffect):
        return picture.replaced(effect.on_planes(picture, alpha))
    if isinstance(picture, DeepPicture) and isinstance(effect, DeepEffect):
        return picture.replaced(effect.on_deep(picture, alpha, frame.time_s))
    straight = None if frame.photo is None else frame.photo.straight
    opacity = alpha if straight is None else cv2.multiply(alpha, straight[..., 3], scale=1 / 255)
    if foreground is not None and isinstance(effect, ForegroundEffect):
        shown = effect.on_foreground(picture.rgb, alpha, foreground, frame.time_s)
    else:
        shown = effect(picture.rgb, np.asarray(opacity, np.uint8), frame.time_s)
    check_shown(shown, picture.size_hw)
    if isinstance(effect, GreyEffect):
        return GreyPicture(shown)
    return RgbPicture(shown if straight is None else _cut_out(shown, straight, alpha))


def _cut_out(shown: Image, straight: Image, alpha: Image) -> Image:
    """Return what is shown of a transparent photo with its own colours where it is half clear.

    Before white they are mixed with that, and no effect knows them.

    Args:
        shown: (H, W, 3), which stays as it is, or (H, W, 4) with straight alpha.
        straight: (H, W, 4), the photo.
        alpha: (H, W), 255 where all of the photo is kept.
    """
    if shown.shape[2] == 3:
        return shown
    own = (alpha == 255) & (shown[..., 3] == straight[..., 3]) & (shown[..., 3] > 0)
    shown = shown.copy()
    shown[own, :3] = straight[own, :3]
    return shown


def _protected(frame: Frame, alpha: Image | None, invert: bool) -> Image:
    """Return alpha of what the effect leaves as it is."""
    if alpha is None:
        # the whole frame is background, whatever `invert` says: a room must not be seen
        return np.zeros(frame.picture.size_hw, np.uint8)
    return np.asarray(cv2.bitwise_not(alpha), np.uint8) if invert else alpha


def _lit(frame: Frame, alpha: Image, foreground: Image | None) -> tuple[Frame, Image | None]:
    """Return a frame whose foreground is lifted where it is dark, and its own colours likewise."""
    picture = frame.picture
    small = picture.halved(LIGHT_HALVINGS)
    size = small.shape[1], small.shape[0]
    inside = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8)
    gamma = gamma_for(small, inside)
    if gamma == 1:
        return frame, foreground
    if foreground is not None:
        foreground = Light(gamma)(foreground, alpha)
    if isinstance(picture, DeepPicture):
        light, yuv = Light(gamma, ToDeep(picture.coding.colours)), picture.coding.yuv
        planes = light.on_planes(picture.planes, alpha, full_range=yuv.full_range)
        return replace(frame, picture=picture.replaced(planes)), foreground
    if isinstance(picture, YuvPicture):
        full_range = picture.coding.full_range
        planes = Light(gamma).on_planes(picture.planes, alpha, full_range=full_range)
        return replace(frame, picture=picture.replaced(planes)), foreground
    return replace(frame, picture=RgbPicture(Light(gamma)(picture.rgb, alpha))), foreground


def _light_wrapped(picture: Picture, alpha: Image) -> Picture:
    """Return a picture whose background lights its foreground; a transparent one has none."""
    if isinstance(picture, YuvPicture | DeepPicture):
        return picture.replaced(planes_with_light_wrap(picture.planes, alpha))
    shown = picture.rgb
    return picture if shown.shape[2] == 4 else RgbPicture(with_light_wrap(shown, alpha))


def _behind(front: Front, picture: Picture, frame: Frame) -> Picture:
    """Return a picture with another one before it, in its own coding where that can be."""
    is_even = not any(side % 2 for side in picture.size_hw)
    if isinstance(picture, YuvPicture) and is_even:
        coding = picture.coding
        return picture.replaced(
            front.on_planes(
                picture.planes,
                lambda image: YuvPicture.of_rgb(image, coding).planes,
                coding,
                frame.pixel_aspect,
            )
        )
    if isinstance(picture, DeepPicture) and is_even:
        deep = picture.coding
        return picture.replaced(
            front.on_planes(
                picture.planes,
                lambda image: DeepPicture.of_srgb(image, deep).planes,
                deep,
                frame.pixel_aspect,
            )
        )
    if frame.photo is None:
        return RgbPicture(front(picture.rgb, pixel_aspect=frame.pixel_aspect))
    return RgbPicture(front(picture.rgb, frame.photo.from_srgb))
