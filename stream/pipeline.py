"""From a frame to what is shown of it: instances, foreground, alpha, effect."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from effects import Effect, PlanarEffect
from effects.effect import (
    ColouredEffect,
    DeepEffect,
    ForegroundEffect,
    GreyEffect,
    check_shown,
)
from segmentation.instances import Instances, Matte
from segmentation.picture import GreyPicture, Picture, RgbPicture
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.tracker import Tracker
from stream.colour.deep_picture import DeepPicture, ToDeep
from stream.colour.screen import Colours
from stream.frame import Frame, Output
from stream.photo.colour_profile import from_srgb
from stream.stats import Stats
from stream.yuv420 import YuvPicture

Image = NDArray[np.uint8]
Choose = Callable[[Instances], Instances]


@dataclass(frozen=True, slots=True)
class Tracked:
    """A frame and what was found in it, `None` where no mask is known."""

    frame: Frame
    instances: Instances | None


@dataclass(frozen=True, slots=True)
class Look:
    """What becomes of a frame. Changed as a whole, so that no frame sees half a change.

    Attributes:
        effect: falls on what is not foreground.
        invert: it falls on the foreground instead.
        choose: which of the instances are foreground; all without it.
    """

    effect: Effect
    invert: bool = False
    choose: Choose | None = None


class Pipeline:
    """Applies one effect to the frames of one stream. No threads, no devices.

    In two halves, `track` and `composite`, which share no state: each may have a thread of its
    own, and what one thread does next to the other is a frame later in the stream.

    Args:
        tracker: a fresh one; it sees frames of at most `max_input` pixels on the long side.
        refiner: a fresh one.
        look: what becomes of frames to begin with.
        max_input: `None` leaves frames as they are.
        stats: counts and times go there.

    Attributes:
        look: of the frames that `composite` is given from now on; any thread may set it.
    """

    def __init__(
        self,
        tracker: Tracker,
        refiner: Refiner,
        look: Look,
        *,
        max_input: int | None = None,
        stats: Stats,
    ) -> None:
        """Start a stream."""
        self._tracker = tracker
        self._refiner = refiner
        self._max_input = max_input
        self.look = look
        self._stats = stats
        self._waiting: deque[Frame] = deque()  # for their results
        self._tracked_take = 0
        # of the frame before, `None` where it had no mask: nothing of it may be blended in
        self._refined_take: int | None = None
        # an effect, the colours of frames, and the effect in those
        self._coloured: tuple[Effect, bytes | Colours, Effect] | None = None

    def process(self, frame: Frame) -> Output:
        """Do both halves for a frame of a tracker that holds no results back."""
        (tracked,) = self.track(frame)
        return self.composite(tracked)

    def track(self, frame: Frame) -> list[Tracked]:
        """Take the next frame; returns those whose instances are known by now, in order."""
        tracked = self.finish() if frame.take != self._tracked_take else []
        self._tracked_take = frame.take
        self._waiting.append(frame)
        with self._stats.timed("segment"):
            small = shrunk(frame.picture, self._max_input)
            if frame.photo is not None:  # networks learnt from photos in sRGB
                small = frame.photo.to_srgb(small)
            results = self._tracker.push(small, frame.time_s)
        self._stats.tracked(self._tracker.counts, self._tracker.age_s)
        return [*tracked, *self._with_frames(results)]

    def finish(self) -> list[Tracked]:
        """Return the frames that still wait, after the last one was taken."""
        results = self._tracker.finish()
        self._stats.tracked(self._tracker.counts, None)
        return self._with_frames(results)

    def _with_frames(self, results: list[Instances | None]) -> list[Tracked]:
        return [Tracked(self._waiting.popleft(), instances) for instances in results]

    def composite(self, tracked: Tracked, *, again: bool = False) -> Output:
        """Return the frame with the effect; over all of it where no mask is known.

        Args:
            tracked: the next frame.
            again: the frame of the last call, a photo, with a new look; it counts once.

        Raises:
            ValueError: the effect returns another shape or dtype than it must.
        """
        frame, instances, look = tracked.frame, tracked.instances, self.look
        if instances is not None and look.choose is not None:
            instances = look.choose(instances)
        alpha = self._alpha(frame, instances)
        with self._stats.timed("effect"):
            effect = self._in_colours_of(frame, look.effect)
            foreground = None if look.invert else _foreground(frame, instances)
            shown = _shown(frame, effect, _protected(frame, alpha, look.invert), foreground)
        if not again:
            self._stats.shown(frame.time_s)
        return Output(frame, shown, alpha, instances, tracked.instances)

    def _in_colours_of(self, frame: Frame, effect: Effect) -> Effect:
        """Return an effect whose own colours are the frame's; that of the one before is kept."""
        colours = _colours_of(frame, effect)
        if colours is None or not isinstance(effect, ColouredEffect):
            return effect
        if self._coloured is None or self._coloured[:2] != (effect, colours):
            self._coloured = effect, colours, _coloured(effect, colours)
        return self._coloured[2]

    def _alpha(self, frame: Frame, instances: Instances | None) -> Image | None:
        if instances is None:
            self._refined_take = None
            self._stats.count("no_mask")
            return None
        matte = _matte(frame, instances)
        if matte is not None:  # which has edges of its own, in space and time
            self._refined_take = None
            return matte.alpha
        with self._stats.timed("refine"):
            restart = frame.take != self._refined_take
            picture = frame.picture
            seen = picture.high_bits if isinstance(picture, DeepPicture) else picture
            alpha = self._refiner.alpha(seen, instances.union(), restart=restart)
        self._refined_take = frame.take
        return alpha


def _matte(frame: Frame, instances: Instances) -> Matte | None:
    """Return the matte of a frame, `None` without one or of another size: masks are refined."""
    return instances.matte if instances.size_hw == frame.picture.size_hw else None


def _foreground(frame: Frame, instances: Instances | None) -> Image | None:
    """Return the foreground's own colours in those of the frame, `None` where they are unknown.

    A transparent photo has been before white; what it is made of then is not its foreground.
    """
    matte, photo = None if instances is None else _matte(frame, instances), frame.photo
    if matte is None or matte.foreground is None:
        return None
    if photo is None:
        return matte.foreground
    return None if photo.straight is not None else photo.from_srgb(matte.foreground)


def _colours_of(frame: Frame, effect: Effect) -> bytes | Colours | None:
    """Return the colours of a frame as the effect sees it, `None` for those of sRGB."""
    if isinstance(frame.picture, DeepPicture):
        return frame.picture.coding.colours if isinstance(effect, DeepEffect) else None
    return None if frame.photo is None else frame.photo.profile


def _coloured(effect: ColouredEffect, colours: bytes | Colours) -> Effect:
    if isinstance(colours, Colours):
        return effect.in_colours(ToDeep(colours))
    try:
        return effect.in_colours(lambda image: from_srgb(image, colours))
    except ValueError:  # a profile that cannot be used means nothing to others either
        return effect


def _shown(frame: Frame, effect: Effect, alpha: Image, foreground: Image | None) -> Picture:
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


def shrunk(picture: Picture, max_side: int | None) -> Image:
    """Return RGB with a long side of at most `max_side` pixels, its aspect kept."""
    height, width = picture.size_hw
    if max_side is None or max(height, width) <= max_side:
        return picture.rgb
    scale = max_side / max(height, width)
    return picture.shrunk((max(1, round(height * scale)), max(1, round(width * scale))))
