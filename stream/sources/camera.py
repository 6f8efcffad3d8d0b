"""A webcam, through OpenCV or ffmpeg."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.picture import Picture, RgbPicture, letterboxed
from stream.cameras.choice import beside, place_of, why_not
from stream.cameras.modes import FORMAT, FPS, Mode, Wanted, offered_modes
from stream.errors import StreamError
from stream.ffmpeg.video4linux import can_read
from stream.frame import Frame, Source, StreamInfo
from stream.pauses import Pauses
from stream.sources.camera_readers import CameraReader, FfmpegReader, OpenCvReader

# OpenCV hands out the last picture again and again when a device is gone
MAX_REPEATS = 30
FIRST_S = 5.0  # how long a camera may give nothing after it was opened, and
FAILING_S = 1.0  # how long later on: single pictures come broken over USB
_RETRY_S = 0.02  # from one failing read to the next
_LOOK_UP_S = 1.0  # from one look to the next whether it may rest further

Image = NDArray[np.uint8]


class Camera(Source):
    """`Source` over a webcam: live, the newest frame wins; comes back after it was unplugged.

    A read that fails loses that frame alone. Pictures of another size than the first, as a camera
    may give that comes back or that is gone on to, are fitted into it, on black. What OpenCV cannot
    open or read, or does not set though it was asked for, ffmpeg reads, on Linux.

    Args:
        address: a number, or whatever else `place_of` knows; looked up anew at each opening.
        on_message: told, in one line each, that the camera was lost, is back or of another size,
            and that another one is read.
        wanted: size, rate and format to ask for; `None` for those that most cameras can do.

    Attributes:
        mode: how pictures come, as it was read back when the camera was opened last.

    Raises:
        StreamError: there is no such camera, it cannot be opened or gives no picture.
    """

    mode: Mode

    def __init__(
        self,
        address: str | int,
        on_message: Callable[[str], None],
        wanted: Wanted | None = None,
    ) -> None:
        """Open the camera and look at its first frame."""
        super().__init__()
        self._address, self._on_message = str(address), on_message
        self._wanted = wanted or Wanted()
        self._pauses = Pauses()
        self._last: Any = None  # of the picture before, some pixels
        self._repeats = 0  # how often it came again
        self._still: Any = None  # those of the last picture that stood so long that it seemed lost
        self._reader: CameraReader | None = None
        self._reason = ""  # why the last one failed
        self._reads_by_ffmpeg = False
        self._next: Callable[[str], None] | None = None  # told of the camera that is to be next
        self._wake = threading.Event()  # whoever waits for a lost camera
        self._is_wanted = threading.Event()  # not while it rests
        self._is_wanted.set()
        self._is_on = True
        self._place = place_of(self._address)
        first = self._open()
        if first is None:
            raise StreamError(why_not(self._place, self._reason))
        self.info = StreamInfo(
            width=first.shape[1], height=first.shape[0], fps=self.mode.fps or FPS, live=True
        )
        self._told_sizes = {first.shape[:2]}

    @property
    def description(self) -> str:
        """Say which camera it is, how its pictures come and what of that was not asked for."""
        place, told = self._place, str(self.mode)
        if missing := self.mode.unlike(self._wanted):
            told += f"; not {missing} as asked for, run.py cameras lists what it offers"
        if self._reads_by_ffmpeg:
            told += "; read by ffmpeg, as OpenCV cannot"
        return f"{place.title}{place.where}: {told}"

    def close(self) -> None:
        """Release the device."""
        self.interrupt()
        if self._reader is not None:
            self._reader.close()

    def interrupt(self) -> None:
        """See `Source.interrupt`."""
        super().interrupt()
        self._wake.set()
        self._is_wanted.set()

    @property
    def is_on(self) -> bool:
        """Whether it is open; not while it rests."""
        return self._is_on

    def rest(self) -> None:
        """Close the camera, whose light goes out, until `wake`. May be called from any thread."""
        self._is_wanted.clear()
        self._wake.set()

    def wake(self) -> None:
        """Read it again, as another take. May be called from any thread."""
        self._is_wanted.set()

    def go_on_to_next(self, tell: Callable[[str], None]) -> None:
        """Read the next camera from now on, as the system numbers them; after the last the first.

        Its frames are of another take. Where it cannot be opened the one after it is taken, and at
        last the same again. May be called from any thread.

        Args:
            tell: told which camera is read then, as `on_message` is.
        """
        self._next = tell
        self._wake.set()

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until interrupted; see `Source`."""
        index = take = 0
        while not self._interrupted.is_set():
            if not self._is_wanted.is_set():
                take += 1
                self._rest()
                continue
            if self._next is not None:
                take += self._change(self._next)
                continue
            image = self._read(FAILING_S)
            if image is None:
                take += 1
                self._reopen()
                continue
            yield Frame(self._fitted(image), index, time.monotonic(), take=take)
            index += 1

    # === Opening ===

    def _open(self) -> Image | None:
        """Open the camera and return its first frame, `None` when there is none to be had.

        Raises:
            StreamError: no camera of this name is there.
        """
        self._pauses.begin()
        self._place = place_of(self._address)
        refused = None  # a way in which it gives pictures, but not as asked for
        for way in self._ways():
            first = self._first_of(way)
            if first is not None and refused is None and self._is_refused():
                refused = way
            elif first is not None:
                return first
            if self._reader is not None:
                self._reason = self._reader.failure() or self._reason
                self._reader.close()
        return None if refused is None else self._first_of(refused)

    def _ways(self) -> list[Callable[[], CameraReader]]:
        """Return what may read the camera: first what did so before."""
        path = self._place.path
        ways: list[Callable[[], CameraReader]] = []
        if path is not None and path.exists():
            offered = {mode.format: mode.compressed for mode in offered_modes(path)}
            wanted = self._wanted.format or FORMAT
            raw = next((name for name in offered if can_read(name) and not offered[name]), "")
            names = [name for name in dict.fromkeys((wanted, raw)) if name in offered]
            ways = [partial(FfmpegReader, path, name, self._wanted) for name in names]
        by_opencv = partial(OpenCvReader, self._place.target, self._wanted)
        return [*ways, by_opencv] if self._reads_by_ffmpeg else [by_opencv, *ways]

    def _first_of(self, way: Callable[[], CameraReader]) -> Image | None:
        """Return the first frame that comes in a way, `None` where none does."""
        self._last, self._repeats = None, 0
        self._reader = reader = way()
        first = None if reader.has_ended else self._read(FIRST_S)
        if first is not None:
            self.mode = reader.mode((first.shape[1], first.shape[0]))
            self._reads_by_ffmpeg = isinstance(reader, FfmpegReader)
        return first

    def _is_refused(self) -> bool:
        """Return whether another format comes than one that was asked for and is offered."""
        wanted, path = self._wanted.format, self._place.path
        if wanted in (None, self.mode.format) or path is None or self._reads_by_ffmpeg:
            return False
        return any(mode.format == wanted and can_read(mode.format) for mode in offered_modes(path))

    # === Reading ===

    def _read(self, patience_s: float) -> Image | None:
        """Return the next frame as RGB, `None` when the camera seems to be gone.

        Args:
            patience_s: how long reads may fail.
        """
        begun_s, reader = time.monotonic(), self._reader
        while reader is not None and not reader.has_ended:
            image = reader.read()
            if image is not None:
                return None if self._is_stuck(image) else image
            if time.monotonic() - begun_s > patience_s or self._interrupted.wait(_RETRY_S):
                return None
        return None

    def _is_stuck(self, image: Image) -> bool:
        """Return whether the same picture came so often that its driver seems to be gone.

        A sensor's noise never leaves two frames equal, a stuck driver does; so does a closed
        shutter, whose picture is still the same once the camera was opened again.
        """
        same = self._last is not None and np.array_equal(image[::16, ::16], self._last)
        self._repeats = self._repeats + 1 if same else 0
        self._last = image[::16, ::16].copy()
        if self._repeats >= MAX_REPEATS and not np.array_equal(self._last, self._still):
            self._still = self._last
            return True
        return False

    def _fitted(self, image: Image) -> Picture:
        """Return the picture in the size of the first one; what is fitted is told once."""
        height, width = image.shape[:2]
        info = self.info
        if (height, width) not in self._told_sizes:
            self._told_sizes.add((height, width))
            self._on_message(
                f"{self._place.title}: its pictures are {width}x{height} now, "
                f"fitted into {info.width}x{info.height}"
            )
        size_hw = info.height, info.width
        return letterboxed(RgbPicture(image), Fraction(width, height), size_hw, info.pixel_aspect)

    # === Resting, lost, and another one ===

    def _rest(self) -> None:
        """Close the camera and open it again when it is wanted."""
        self._wake.clear()
        self._release()
        self._is_on = False
        # who interrupts may have done so before it was told to rest
        while not self._is_wanted.wait(_LOOK_UP_S) and not self._interrupted.is_set():
            pass
        if not self._interrupted.is_set() and not self._opens():
            self._reopen()
        self._is_on = True

    def _reopen(self) -> None:
        """Open the lost camera again, until somebody wants to end or another one."""
        if self._interrupted.is_set():
            return
        self._on_message(f"{self._place.title}: lost, trying to open it again")
        self._release()
        while not self._interrupted.is_set() and not self._wake.wait(self._pauses.next_s()):
            if self._opens():
                self._on_message(f"{self._place.title}: back")
                return

    def _change(self, tell: Callable[[str], None]) -> bool:
        """Open the next camera that can be, maybe the one that was read.

        Returns:
            Whether the picture does not continue the one before.
        """
        self._next = None
        self._wake.clear()
        own, others = self._address, beside(self._place)
        if not others:
            tell("there is no other camera")
            return False
        self._release()
        self._still, by_ffmpeg = None, self._reads_by_ffmpeg
        for address in [*others, own]:
            self._address, self._reason = address, ""
            self._reads_by_ffmpeg = by_ffmpeg and address == own
            if self._interrupted.is_set():
                return True
            if self._opens():
                self._on_message(self.description)
                tell(self.description)
                return True
            if self._place.path is not None:  # elsewhere numbers are only tried
                self._on_message(why_not(self._place, self._reason))
        self._reopen()
        return True

    def _opens(self) -> bool:
        try:
            return self._open() is not None
        except StreamError:
            return False

    def _release(self) -> None:
        if self._reader is not None:
            self._reader.close()
