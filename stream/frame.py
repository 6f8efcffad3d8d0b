"""The types that travel through the program, and what sources and sinks promise."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from numbers import Rational
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from effects import over_black
from effects.placing import SQUARE, square_hw, squared
from segmentation.instances import Instances
from segmentation.picture import GreyPicture, Picture, RgbPicture
from stream.colour.light import Light
from stream.colour.screen import HLG, PQ
from stream.contents import Contents
from stream.framing.crop import WHOLE, Crop
from stream.photo.photo import Photo
from stream.yuv420 import YuvPicture


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source.

    Attributes:
        picture: its pixels, the right way up.
        index: 0-based position in the source; frames dropped before this one leave gaps.
        time_s: presentation time in seconds on the source's own clock, which need not start at 0.
        name: file name of a photo, `None` for the frames of a video or camera.
        take: counts up where the picture does not continue the one before it (a reopened camera,
            a video that starts over): nothing remembered of earlier takes may be used on it.
        lasts_s: how long the last frame of a file is seen, `None` where that is not known; every
            other one is until the next.
        photo: what else belongs to a photo: its colours, alpha, 16 bits and notes.
        path: of the file that the photo was read from.
        pixel_aspect: width of a pixel over its height.
    """

    picture: Picture
    index: int
    time_s: float
    name: str | None = None
    take: int = 0
    lasts_s: float | None = None
    photo: Photo | None = None
    path: Path | None = None
    pixel_aspect: Fraction = SQUARE

    @property
    def image(self) -> NDArray[np.uint8]:
        """The picture as (H, W, 3) uint8 RGB. Never written to."""
        return self.picture.rgb


@dataclass(frozen=True, slots=True)
class Colour:
    """How a video codes its colours, in ffmpeg's names, so that an output can do the same.

    Attributes:
        primaries: what its red, green and blue are, `None` where the file does not say.
        transfer: from its values to light, likewise.
        matrix: between its YUV and RGB, "unknown" where the file does not say; `None` where the
            source has no YUV of its own.
        full_range: its YUV uses all of 0 to 255, and not 16 to 235.
        chroma_location: where a value lies that four pixels share, "topleft" or "center" of them;
            `None` for where it usually lies, or where the file does not say.
    """

    primaries: str | None = None
    transfer: str | None = None
    matrix: str | None = None
    full_range: bool = False
    chroma_location: str | None = None

    @property
    def is_hdr(self) -> bool:
        """Whether pictures may be brighter than white."""
        return self.transfer in (PQ, HLG)


#: Of what has no colours of its own, and of HDR as it is shown where that cannot be.
BT709 = Colour("bt709", "bt709", "bt709")
#: What is told where HDR is shown so.
TONE_MAPPED = "HDR is tone-mapped to BT.709"


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a source knows before its first frame.

    Attributes:
        width: of the frames, in pixels, after rotation.
        height: likewise.
        fps: frames a second (30000/1001, not 29.97), a nominal rate where frames lie at irregular
            times; `None` means independent pictures, which have no order in time.
        live: frames are lost if nobody reads them in time.
        pixel_aspect: width of a pixel over its height.
        num_frames: of photos, and of what else has as many for sure; `None` where unknown.
        duration_s: of a video, as announced, which may be wrong; `None` where unknown.
        colour: how the video codes its colours.
        time_base: unit of the source's timestamps in seconds, `None` where it has none.
        contents: what else the file holds that belongs to the frames, `None` without a file.
        depth: bits of a value, 8 or 10.
        source_depth: that it has in the file, maybe more.
        codec: of the video, in ffmpeg's name; "" where there is none.
        light: what an HDR video says of how bright it is.

    Raises:
        ValueError: `fps` is no fraction above 0.
    """

    width: int
    height: int
    fps: Fraction | None
    live: bool = False
    pixel_aspect: Fraction = SQUARE
    num_frames: int | None = None
    colour: Colour = Colour()
    time_base: Fraction | None = None
    duration_s: float | None = None
    contents: Contents | None = None
    depth: int = 8
    source_depth: int = 8
    codec: str = ""
    light: Light = field(default_factory=Light)

    def __post_init__(self) -> None:
        """Check what is easily given as a float, with which no time is exact."""
        if self.fps is not None and (not isinstance(self.fps, Rational) or self.fps <= 0):
            raise ValueError(f"fps: expected a Fraction above 0, or None, got {self.fps!r}")

    @property
    def is_hdr(self) -> bool:
        """Whether pictures may be brighter than white."""
        return self.colour.is_hdr and self.depth > 8

    def in_eight_bits(self) -> StreamInfo:
        """Return it as an output of 8 bits has it: HDR in BT.709."""
        colour = BT709 if self.is_hdr else self.colour
        return replace(self, colour=colour, depth=8, light=Light())


def even_hw(size_hw: tuple[int, int]) -> tuple[int, int]:
    """Return a picture's size without the last pixel of an odd side; none is below 2."""
    return max(2, size_hw[0] // 2 * 2), max(2, size_hw[1] // 2 * 2)


def fitted(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Return (H, W) or (H, W, C) without what is beyond a size; a side below it is drawn on."""
    image = image[: size_hw[0], : size_hw[1]]
    missing = size_hw[0] - image.shape[0], size_hw[1] - image.shape[1]
    if missing == (0, 0):
        return image
    margins = [(0, side) for side in missing] + [(0, 0)] * (image.ndim - 2)
    return np.pad(image, margins, mode="edge")


@dataclass(frozen=True, slots=True)
class OutputInfo:
    """What a sink is told before its first output.

    Attributes:
        stream: of the source; outputs have its size, rate and timestamps.
        has_alpha: images carry a fourth channel.
        categories: (id, name) of each class an instance may have, ids as the data numbered them
            that the network was trained on.
    """

    stream: StreamInfo
    has_alpha: bool = False
    categories: tuple[tuple[int, str], ...] = ()

    def in_eight_bits(self) -> OutputInfo:
        """See `StreamInfo.in_eight_bits`."""
        return replace(self, stream=self.stream.in_eight_bits())

    def in_square_pixels(self) -> OutputInfo:
        """Return it as it is of `Output.in_square_pixels`."""
        stream = self.stream
        height, width = square_hw((stream.height, stream.width), stream.pixel_aspect)
        stream = replace(stream, width=width, height=height, pixel_aspect=SQUARE)
        return replace(self, stream=stream)

    def as_shown(self) -> OutputInfo:
        """Return it without transparency and, at an odd side, without the last pixel.

        That is what cameras and streams can be; `Output.as_shown` gives the images.
        """
        stream = self.stream.in_eight_bits()
        height, width = even_hw((stream.height, stream.width))
        return replace(self, stream=replace(stream, width=width, height=height), has_alpha=False)


@dataclass(frozen=True, slots=True)
class Output:
    """A frame and what became of it.

    Attributes:
        frame: the source's frame.
        picture: what is shown.
        alpha: (H, W) uint8, 255 where the foreground is in `picture`, `None` where no mask is
            known.
        instances: the foreground's, in pixels of the image the network saw, `None` where no mask
            is known (which is not the same as nothing found).
        found: all that was found, those that are no foreground as well.
        crop: the part of the frame that `picture` and `alpha` show, at the frame's size.
    """

    frame: Frame
    picture: Picture
    alpha: NDArray[np.uint8] | None
    instances: Instances | None
    found: Instances | None = None
    crop: Crop = WHOLE

    @property
    def image(self) -> NDArray[np.uint8]:
        """The picture as (H, W, 3) uint8 RGB, or (H, W, 4) with straight alpha."""
        return self.picture.rgb

    @property
    def in_srgb(self) -> Picture:
        """The picture in the colours that screens and videos take it for.

        That of a photo with a colour profile is converted; a profile that cannot be used is passed
        over.
        """
        photo = self.frame.photo
        if photo is None or photo.profile is None:
            return self.picture
        image = self.image  # of a video, which has no profile, nobody may ask for it
        return RgbPicture(np.dstack([photo.to_srgb(image[..., :3]), image[..., 3:]]))

    def in_square_pixels(self) -> Output:
        """Return it with its picture, and that alone, stretched so that pixels are square.

        That is for what cannot say that they are not: photos, animations, windows.
        """
        aspect = self.frame.pixel_aspect
        if aspect == SQUARE:
            return self
        kind = GreyPicture if isinstance(self.picture, GreyPicture) else RgbPicture
        frame = replace(self.frame, pixel_aspect=SQUARE)
        return replace(self, frame=frame, picture=kind(squared(self.image, aspect)))

    def as_shown(self) -> Picture:
        """Return the picture of `OutputInfo.as_shown`: before black, with even sides."""
        height, width = self.picture.size_hw
        if isinstance(self.picture, YuvPicture) and not (height % 2 or width % 2):
            return self.picture
        return RgbPicture(fitted(over_black(self.in_srgb.rgb), even_hw((height, width))))

    def held(self, frame: Frame) -> Output:
        """Return this output once more, at the time of a later frame."""
        return replace(self, frame=replace(self.frame, index=frame.index, time_s=frame.time_s))


@dataclass(frozen=True, slots=True)
class Event:
    """What a person did at a sink: pressed `key`, clicked at `at_xy` of the frame, or closed it."""

    kind: Literal["key", "click", "closed"]
    key: str = ""
    at_xy: tuple[int, int] = (0, 0)


class Endpoint:
    """One end of a stream, where it comes from or goes to: a context manager.

    Subclasses say in `open` and `close` what they hold open; those that say nothing hold nothing.
    Opening happens in the constructor or in `open`, both of which may raise `StreamError`. Leaving
    the context frees every process, device and thread, whatever happened since, and leaving it
    again is harmless.
    """

    def __enter__(self) -> Self:
        """Open it; what could be opened is closed again where something else could not."""
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self.close()

    def open(self) -> None:
        """Begin what needs an end. Called once, on entering."""

    def close(self) -> None:
        """Free what is held, as far as it is held, and delete what is unfinished."""


class Source(Endpoint, ABC):
    """Where frames come from; iterating gives them once, in order.

    `info` is valid from the constructor on; where it has a rate, the frames' times increase. The
    end ends the iteration; a stream that breaks off raises `StreamError`, and what came is kept.
    """

    #: what is known of the stream
    info: StreamInfo
    #: so far, of what could not be read: photos among others, and the end of a file, which is one
    num_left_out: int = 0
    _interrupted: threading.Event

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Be interrupted by nobody yet, whatever a subclass's constructor calls or leaves out."""
        source = super().__new__(cls)
        source._interrupted = threading.Event()
        return source

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames."""

    def interrupt(self) -> None:
        """End a running iteration soon and without an error, also one that waits.

        One that begins later is empty. From any thread, and again. A run takes no frame after it
        anyhow; whoever waits long for one overrides it.
        """
        self._interrupted.set()


class Sink(Endpoint, ABC):
    """What takes outputs, in order, from one thread.

    `write` may block while the device is busy and raises `StreamError` when it cannot go on.
    A file or folder that is written appears under its final name through `finish` alone, whole;
    leaving the context without it discards the output. What has the name by then is replaced only
    where that was asked; else the output gets a name beside it, which is told. Where each file is
    an output of its own, as in a folder of photos, it may appear as soon as it is whole, and stays.
    A recording of what will not come again is kept as far as it can be read, under a name that
    nothing else has; `finish` raises and says so where it could not be completed. What there is of
    one that a killed program left is found by the next that writes a video, or results, to that
    folder.

    After a `write` that failed, `finish` is called as well, and `close`: what can be kept of the
    output is kept there, and where nothing can, or not all of it, `finish` raises what is told.

    Subclasses say in `complete` what finishing means; those that say nothing need no completing,
    and have no keys.
    """

    #: written to from the main thread, because its window system wants that
    main_thread: bool = False
    #: gets what a person sees: a photo again and again, with each change they make
    watched: bool = False
    #: shown or sent on as time passes, so that no picture may be late
    on_time: bool = False
    #: only there for another sink: where that has ended, this one keeps no run going
    accompanies: bool = False
    #: where its files grow as long as it runs, `None` where none do
    folder: Path | None = None

    _is_finished = False

    @abstractmethod
    def write(self, output: Output) -> None:
        """Take the next output."""

    def interrupt(self) -> None:
        """Let a `write` that waits for something end soon, with an error. From any thread.

        Called where nobody has time for it any more; nothing is written afterwards.
        """
        return None

    def poll(self) -> list[Event]:
        """Return what happened since the last call. Does not block, needs no frame."""
        return []

    def finish(self, *, cut_short: bool) -> None:
        """Complete the output. A finished one stays as it is.

        Args:
            cut_short: the source had more, so its sound ends here too.

        Raises:
            StreamError: it cannot be completed, or there is none, because nothing was written, or a
                `write` failed.
        """
        if not self._is_finished:
            self.complete(cut_short=cut_short)
            self._is_finished = True

    def complete(self, *, cut_short: bool) -> None:
        """See `finish`, which calls it."""
        return None
