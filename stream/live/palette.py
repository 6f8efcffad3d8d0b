"""The effects that a person can choose among while the program runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from effects import EFFECTS, Blur, Effect, Replace, parse_effect
from effects.effect import ColouredEffect, ForegroundEffect, ShapedEffect, check_effect
from effects.placing import split_placing
from stream.errors import StreamError
from stream.live.actions import NEXT
from stream.live.background import LoopingVideo, open_background
from stream.live.front_picture import front_of, watched_front
from stream.live.watched_photo import WatchedPhoto

Image = NDArray[np.uint8]

DEFAULT_BACKGROUND = "#2a6f97"
_OWN = "own effect"  # what one that has no name on the command line is called
#: Backgrounds that came while the program runs; they lie in memory.
MAX_ADDED = 8


class Palette:
    """All effects, ready for use, and which of them is chosen.

    All backgrounds are opened at once: to choose one later takes no time.

    Args:
        begun: the effect to begin with, `NAME[=VALUE]`, or one of somebody's own.
        backgrounds: photos, videos or colours, for `replace`, after that of `begun`.
        stack: closes the videos.
        on_message: told, in one line each, what of a background is not shown as it is.
        front: a picture in front of everything, `PATH[,PLACE]...`.

    Attributes:
        effect: the one chosen.
        has_alpha: of the effect to begin with, and so of all results.
        front: the picture in front of everything, `None` without one.
        paths: of the pictures that are files.

    Raises:
        StreamError: a background, or the picture in front, cannot be read.
        ValueError: there is no such effect, or its value makes no sense.
    """

    def __init__(
        self,
        begun: str | Effect,
        backgrounds: Sequence[str],
        stack: ExitStack,
        on_message: Callable[[str], None] = lambda text: None,
        front: str | None = None,
    ) -> None:
        """Open all backgrounds."""
        self._stack = stack
        text = begun if isinstance(begun, str) else _OWN
        self._name, _, value = text.partition("=")
        values = [value] if self._name == "replace" and value else []
        values += backgrounds
        files = [each for each in values if not each.startswith("#")]
        files += [] if front is None else [front]
        self.paths = _paths(files)
        self._backgrounds: list[_Replacing] = []
        for each in values or [DEFAULT_BACKGROUND]:
            opened = _replacing(each, stack, on_message)
            opened.name = self._free_name(opened.name)
            self._backgrounds.append(opened)
        self._chosen = self._backgrounds[0]
        self._watched_front = None if front is None else watched_front(front, on_message)
        self.front = None
        if front is not None and self._watched_front is not None:
            self.front = front_of(front, self._watched_front)
        if not isinstance(begun, str):
            check_effect(begun)
            self.effect = begun
        elif self._name == "replace" and values:
            self.effect = self._backgrounds[0].effect
        else:
            self.effect = parse_effect(text, lambda path: open_background(path, stack))
        self._strength = self.effect.strength if isinstance(self.effect, Blur) else 0.5
        # which a plain function has not
        self.has_alpha: bool = getattr(self.effect, "has_alpha", False)

    @property
    def title(self) -> str:
        """The effect chosen, for people."""
        if self._name == "blur":
            return f"blur {self._strength:.1f}"
        if self._name == "replace":
            return f"replace {self._chosen.name}"
        return self._name

    @property
    def name(self) -> str:
        """The effect chosen, by its name alone."""
        return self._name

    @property
    def strength(self) -> float:
        """Of the blur, that there is or would be, in (0, 1]."""
        return self._strength

    @property
    def background(self) -> str:
        """The background that is chosen, or would be, by its name."""
        return self._chosen.name

    @property
    def backgrounds(self) -> list[str]:
        """All of them, each by a name of its own."""
        return [each.name for each in self._backgrounds]

    @property
    def effects(self) -> list[str]:
        """The names of those that the outputs can show."""
        return [name for name in EFFECTS if name != "cutout" or self.has_alpha]

    def choose(self, name: str) -> None:
        """Take the effect of that name.

        Raises:
            ValueError: the outputs cannot show it.
        """
        if name == "cutout" and not self.has_alpha:
            raise ValueError("cutout: only when begun with --effect cutout")
        self._name = name
        effect: Effect
        if name == "replace":
            effect = self._chosen.effect
            if self._chosen.video is not None:
                self._chosen.video.go_on()
        elif name == "blur":
            effect = Blur(self._strength)
        else:
            effect = parse_effect(name, lambda path: open_background(path, self._stack))
        self.effect = _Opaque(effect) if self.has_alpha and not effect.has_alpha else effect

    def blur(self, strength: float) -> None:
        """Make the blur so strong, in (0, 1].

        Raises:
            ValueError: something else is chosen, which has no strength.
        """
        if self._name != "blur":
            raise ValueError(f"{self._name}: has no strength")
        self._strength = strength
        self.choose("blur")

    def next_background(self) -> None:
        """Replace the background by the next one."""
        if self._name == "replace":
            at = self._backgrounds.index(self._chosen) + 1
            self._chosen = self._backgrounds[at % len(self._backgrounds)]
        self.choose("replace")

    def choose_background(self, name: str) -> None:
        """Replace the background by the one of that name, one of `backgrounds`."""
        self._chosen = self._backgrounds[self.backgrounds.index(name)]
        self.choose("replace")

    def add_photo(self, name: str, photo: Image, size_hw: tuple[int, int]) -> str:
        """Add a background that lies in memory alone; beyond `MAX_ADDED` the oldest of them goes.

        Args:
            name: for people.
            photo: (h, w, 3) uint8 RGB.
            size_hw: of the frames, to which it is brought at once.

        Returns:
            Its name, which no other one has.
        """
        effect = Replace(photo)
        black = np.zeros((*size_hw, 3), np.uint8)
        effect(black, black[..., 0], 0.0)
        new = _Replacing(self._free_name(name), effect, None, None, is_added=True)
        kept = [*self._backgrounds, new]
        if sum(each.is_added for each in kept) > MAX_ADDED:
            kept.remove(next(each for each in kept if each.is_added and each is not self._chosen))
        self._backgrounds = kept  # at once, as others read it meanwhile
        return new.name

    def _free_name(self, name: str) -> str:
        taken, number, free = [NEXT, *self.backgrounds], 2, name
        while free in taken:
            free, number = f"{name} ({number})", number + 1
        return free

    def live_on(self) -> None:
        """Do as is best behind what will not come again, and may go on for hours.

        A video that cannot be read on does not end the run, see `LoopingVideo.outlast`; a photo
        whose file changes is shown as it is then.
        """
        for background in self._backgrounds:
            if background.video is not None:
                background.video.outlast()
            if background.photo is not None:
                background.photo.watch(self._stack)
        if self._watched_front is not None:
            self._watched_front.watch(self._stack)

    def prepare(self, size_hw: tuple[int, int]) -> None:
        """Bring the backgrounds to the size of frames, which would hold up the first one."""
        black = np.zeros((*size_hw, 3), np.uint8)
        for background in self._backgrounds:
            if background.video is None:
                background.effect(black, black[..., 0], 0.0)


@dataclass(slots=True, eq=False)
class _Replacing:
    """A background to choose: its name for people, its effect, and what moves or may change."""

    name: str
    effect: Effect
    video: LoopingVideo | None
    photo: WatchedPhoto | None
    is_added: bool = False


def _replacing(value: str, stack: ExitStack, on_message: Callable[[str], None]) -> _Replacing:
    """Open a photo, a video or a colour as a background; `stack` closes it."""
    opened: list[WatchedPhoto | LoopingVideo] = []

    def open_one(path: Path) -> WatchedPhoto | LoopingVideo:
        found = open_background(path, stack, on_message)
        if isinstance(found, LoopingVideo):
            opened.append(found)
        else:
            opened.append(WatchedPhoto(path, found, on_message))
        return opened[-1]

    effect = parse_effect(f"replace={value}", open_one)
    video = next((each for each in opened if isinstance(each, LoopingVideo)), None)
    photo = next((each for each in opened if isinstance(each, WatchedPhoto)), None)
    return _Replacing(value.rpartition("/")[2], effect, video, photo)


class _Opaque:
    """`Effect` of another one, with a fourth channel."""

    has_alpha = True

    def __init__(self, effect: Effect) -> None:
        self._effect = effect

    def in_colours(self, convert: Callable[[Image], Image]) -> Effect:
        """See `ColouredEffect`."""
        if not isinstance(self._effect, ColouredEffect):
            return self
        return _Opaque(self._effect.in_colours(convert))

    def for_pixels(self, aspect: Fraction) -> Effect:
        """See `ShapedEffect`."""
        if not isinstance(self._effect, ShapedEffect):
            return self
        return _Opaque(self._effect.for_pixels(aspect))

    def on_foreground(self, image: Image, alpha: Image, foreground: Image, time_s: float) -> Image:
        """See `ForegroundEffect`."""
        if not isinstance(self._effect, ForegroundEffect):
            return self(image, alpha, time_s)
        return _opaque(self._effect.on_foreground(image, alpha, foreground, time_s))

    def __call__(self, image: Image, alpha: Image, time_s: float) -> Image:
        return _opaque(self._effect(image, alpha, time_s))


def _opaque(shown: Image) -> Image:
    return np.asarray(cv2.cvtColor(shown, cv2.COLOR_RGB2RGBA), np.uint8)


def _paths(pictures: list[str]) -> list[Path]:
    """Return the files of pictures that may be placed, as `logo.png,top,right`.

    Raises:
        StreamError: one does not lie on a disk.
    """
    names = [split_placing(each)[0] for each in pictures]
    for name in names:
        if "://" in name:
            raise StreamError(f"{name}: cannot be shown from there; copy it to a disk first")
    return list(map(Path, names))
