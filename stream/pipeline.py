"""From a frame to what is shown of it: instances, foreground, alpha, effect."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segmentation.instances import Instances, Matte
from segmentation.picture import Picture
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.tracker import Tracker
from stream.colour.deep_picture import DeepPicture
from stream.frame import Frame, Output
from stream.framing.ahead import Ahead, Known
from stream.framing.crop import WHOLE, Crop
from stream.framing.following import Following
from stream.framing.subject import subject_box
from stream.looks.look import Look
from stream.looks.showing import Seen, Showing, mixed
from stream.stats import Stats

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Tracked:
    """A frame and what was found in it, `None` where no mask is known.

    Attributes:
        frame: the frame.
        instances: what was found.
        crop: the part of it that is shown, where that was made out ahead.
    """

    frame: Frame
    instances: Instances | None
    crop: Crop | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """From one look to another.

    Attributes:
        before: the look that it began with.
        began_s: time of the last frame that had it alone.
    """

    before: Look
    began_s: float


class Pipeline:
    """Applies one effect to the frames of one stream. No threads, no devices.

    In two halves, `track` and `composite`, which share no state: each may have a thread of its
    own, and what one thread does next to the other is a frame later in the stream.

    Args:
        tracker: a fresh one; it sees frames of at most `max_input` pixels on the long side.
        refiner: a fresh one.
        look: what becomes of frames to begin with.
        max_input: `None` leaves frames as they are.
        framing: which part of a frame is shown, where the look asks for a part; `None` for photos,
            each of which is looked at by itself.
        fade_s: time in which one look becomes another; 0 for at once.
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
        framing: Following | Ahead | None = None,
        fade_s: float = 0.0,
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
        self._framing = framing
        self._held: deque[Tracked] = deque()  # until it is known what comes after them
        self._showing = Showing()
        self._fade_s = fade_s
        self._last: tuple[Look, float, int] | None = None  # the frame before: look, time, take
        self._change: _Change | None = None

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
        tracked = self._with_frames(results)
        if isinstance(self._framing, Ahead):
            tracked += self._cropped(self._framing.finish())
        return tracked

    def _with_frames(self, results: list[Instances | None]) -> list[Tracked]:
        tracked = [Tracked(self._waiting.popleft(), instances) for instances in results]
        if not isinstance(self._framing, Ahead):
            return tracked
        ready = []
        for each in tracked:
            self._held.append(each)
            is_wanted = self.look.staging.framed
            chosen = self._chosen(each.instances)
            people = subject_box(chosen) if is_wanted and chosen is not None else None
            ready += self._framing.push(Known(people, chosen is not None, is_wanted))
        return self._cropped(ready)

    def _cropped(self, crops: list[Crop]) -> list[Tracked]:
        """Return as many of the frames that wait, with their crops."""
        return [replace(self._held.popleft(), crop=crop) for crop in crops]

    def composite(self, tracked: Tracked, *, again: bool = False) -> Output:
        """Return the frame with the effect; over all of it where no mask is known.

        Args:
            tracked: the next frame.
            again: the frame of the last call, a photo, with a new look; it counts once.

        Raises:
            ValueError: the effect returns another shape or dtype than it must.
        """
        frame, look = tracked.frame, self.look
        instances = self._chosen(tracked.instances)
        alpha = self._alpha(frame, instances)
        with self._stats.timed("effect"):
            crop = tracked.crop or self._crop(frame, instances, look)
            seen = Seen(frame, alpha, lambda: _foreground(frame, instances)).cropped(crop)
            shown = self._showing.shown(seen, look)
            if self._fade_s:
                shown = self._faded(seen, look, shown)
        if not again:
            self._stats.shown(frame.time_s)
        return Output(frame, shown, seen.alpha, instances, tracked.instances, crop)

    def _chosen(self, instances: Instances | None) -> Instances | None:
        choose = self.look.choose
        return instances if instances is None or choose is None else choose(instances)

    def _crop(self, frame: Frame, instances: Instances | None, look: Look) -> Crop:
        """Return the part of a frame that is shown, by what is known of it and those before."""
        is_wanted = look.staging.framed
        people = subject_box(instances) if is_wanted and instances is not None else None
        if isinstance(self._framing, Following):
            is_known = instances is not None
            time_s, take = frame.time_s, frame.take
            return self._framing.crop(people, time_s, take, is_known=is_known, is_wanted=is_wanted)
        return WHOLE if people is None else Crop.around(people)

    def _faded(self, seen: Seen, look: Look, shown: Picture) -> Picture:
        """Return a frame between two looks, for a moment after one was changed.

        Of both, what is shown is made of this frame and its mask: at no moment is anything seen
        that neither shows. Another change meanwhile takes no longer.
        """
        time_s, take = seen.frame.time_s, seen.frame.take
        before, before_s, before_take = self._last or (look, time_s, take)
        self._last = look, time_s, take
        if before is not look and self._change is None:
            self._change = _Change(before, before_s)
        if self._change is None:
            return shown
        share = (time_s - self._change.began_s) / self._fade_s
        if take != before_take or not 0 <= share < 1:
            self._change = None
            return shown
        return mixed(self._showing.shown(seen, self._change.before), shown, share)

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


def shrunk(picture: Picture, max_side: int | None) -> Image:
    """Return RGB with a long side of at most `max_side` pixels, its aspect kept."""
    height, width = picture.size_hw
    if max_side is None or max(height, width) <= max_side:
        return picture.rgb
    scale = max_side / max(height, width)
    return picture.shrunk((max(1, round(height * scale)), max(1, round(width * scale))))
