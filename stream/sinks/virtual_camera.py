"""A camera that other programs can choose: the output as a webcam for meetings."""

from __future__ import annotations

import math
import re
import threading
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.picture import letterboxed
from segmentation.pip_command import install_extra
from stream.errors import StreamError
from stream.frame import Output, OutputInfo, Sink
from stream.pace import Pace
from stream.sinks.parts.options import SinkOptions

Image = NDArray[np.uint8]

_FORM = "[DEVICE][,WIDTHxHEIGHT[@RATE]]"
_ADDRESS = re.compile(
    r"(?P<device>[^,]*)(?:,(?P<width>\d{1,4})x(?P<height>\d{1,4})(?:@(?P<fps>[\d./]{1,20}))?)?"
)
_MAX_FPS = 240
#: From one picture to the next where nobody looks.
_RESTING_S = 1.0
#: How long the last picture stands when none come any more; a blurred one follows.
COVER_AFTER_S = 5.0
_COVER_WH = (12, 9)  # of the pixels that are left of it
_BEFORE_FIRST = 32  # grey level


class VirtualCamera(Sink):
    """`Sink` through pyvirtualcam: v4l2loopback on Linux, OBS's camera on macOS and Windows.

    A thread sends at the rate of the source, whatever comes: each new picture at once, and the
    last one again while the camera or the network stalls, so that meetings see a steady camera.
    At a rate of its own it sends the newest picture at that beat. Nothing but outputs is ever sent:
    grey before the first, and a blurred one when there have been none for `COVER_AFTER_S`, or
    while it rests. Frames of a file are shown when they are due.

    Args:
        address: of the device, for example `/dev/video10`, "" takes the first that is there; after
            a comma its own size, even, and its own rate: `,1280x720@30`. Pictures of another shape
            are fitted into it, on black.
        info: of the outputs.
        options: see `SinkOptions`; told under which name other programs find the camera.

    Raises:
        StreamError: the address has another form, pyvirtualcam or the system's virtual camera is
            missing, or busy.
    """

    on_time = True

    def __init__(self, address: str, info: OutputInfo, options: SinkOptions) -> None:
        """Open the device."""
        own = parse_address(address)
        stream = info.in_square_pixels().as_shown().stream
        self._live = info.stream.live
        self._size_hw = own.size_hw or (stream.height, stream.width)
        self._has_own_size = own.size_hw is not None
        self._shown_aspect = Fraction(info.stream.width, info.stream.height)
        self._shown_aspect *= info.stream.pixel_aspect
        self._keeps_beat = own.fps is not None
        self._fps = float(own.fps or stream.fps or 30)
        self._camera = _open(own.device, *self._size_hw[::-1], self._fps)
        self._on_message = options.on_message
        self._pace = Pace()
        self._image = np.full((*self._size_hw, 3), _BEFORE_FIRST, np.uint8)
        self._is_new = self._is_resting = False
        self._ended = False
        self._is_over = threading.Event()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="virtual camera")

    def open(self) -> None:
        """Start sending."""
        self._on_message(f"virtualcam: other programs find it as {self.device}")
        self._thread.start()

    def close(self) -> None:
        """Close the device."""
        if self._ended:
            return
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()
        self._camera.close()

    def interrupt(self) -> None:
        """See `Sink`."""
        self._is_over.set()

    @property
    def device(self) -> str:
        """Name of the device, as other programs show it."""
        return str(self._camera.device)

    def rest(self) -> None:
        """Send a covered picture, seldom, until `wake`. May be called from any thread."""
        self._set_resting(True)

    def wake(self) -> None:
        """Send what is written again; the covered picture until there is something."""
        self._set_resting(False)

    def _set_resting(self, is_resting: bool) -> None:
        with self._changed:
            self._is_resting, self._is_new = is_resting, False
            self._changed.notify()

    def write(self, output: Output) -> None:
        """Show one output from now on; where it is transparent it shows black. See `Sink`.

        Raises:
            StreamError: the device is gone, or it was interrupted.
        """
        if self._error is not None:
            reason = " ".join(str(self._error).split()) or type(self._error).__name__
            raise StreamError(f"virtualcam: the device cannot be written to any more ({reason})")
        early_s = 0.0 if self._live else self._pace.early_s(output.frame.time_s)
        if self._has_own_size:
            whole = output.as_shown()
            picture = letterboxed(whole, self._shown_aspect, self._size_hw, Fraction(1))
        else:
            picture = output.in_square_pixels().as_shown()
        image = np.ascontiguousarray(picture.rgb)
        if self._is_over.wait(early_s):
            raise StreamError("virtualcam: interrupted")
        with self._changed:
            self._image, self._is_new = image, True
            self._changed.notify()

    # === In the thread that sends ===

    def _work(self) -> None:
        try:
            self._send_all()
        except Exception as error:  # of the driver; write() tells
            self._error = error

    def _send_all(self) -> None:
        due = time.monotonic()
        seen_s = due
        covered: Image | None = None
        while (taken := self._next(due)) is not None:
            image, is_new, is_resting = taken
            now = time.monotonic()
            if is_new:
                seen_s, covered = now, None
            elif is_resting:  # what was seen before is not seen any more
                seen_s = -math.inf
            due = self._next_due(due, now, is_new=is_new, is_resting=is_resting)
            if now - seen_s > COVER_AFTER_S:
                covered = cover(image) if covered is None else covered
                image = covered
            self._camera.send(image)

    def _next_due(self, due: float, now: float, *, is_new: bool, is_resting: bool) -> float:
        """Return when the next picture is sent at the latest."""
        if is_resting:
            return now + _RESTING_S
        if is_new and not self._keeps_beat:
            # the next one may come a little late before this one is repeated
            return now + 1.5 / self._fps
        return max(now, due + 1 / self._fps)

    def _next(self, due: float) -> tuple[Image, bool, bool] | None:
        """Return the last picture as soon as it is new, or at `due`; whether it is new; is resting.

        `None` at the end.
        """
        with self._changed:
            was_resting = self._is_resting
            self._changed.wait_for(
                lambda: (
                    self._ended
                    or self._is_resting != was_resting
                    or (self._is_new and not self._keeps_beat)
                ),
                max(0.0, due - time.monotonic()),
            )
            is_new, self._is_new = self._is_new and not self._is_resting, False
            return None if self._ended else (self._image, is_new, self._is_resting)


@dataclass(frozen=True, slots=True)
class Address:
    """What an address says of a virtual camera.

    Attributes:
        device: "" for the first that is there.
        size_hw: of its own, `None` for that of the source.
        fps: likewise its rate.
    """

    device: str
    size_hw: tuple[int, int] | None
    fps: Fraction | None


def parse_address(text: str) -> Address:
    """Read what follows `virtualcam:`.

    Raises:
        StreamError: it has another form.
    """
    found = _ADDRESS.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        size_hw, fps = None, None
        if found["width"] is not None:
            size_hw = int(found["height"]), int(found["width"])
        if found["fps"] is not None:
            fps = Fraction(found["fps"])
        if (size_hw and (min(size_hw) < 2 or any(side % 2 for side in size_hw))) or (
            fps is not None and not 0 < fps <= _MAX_FPS
        ):
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise StreamError(
            f"virtualcam:{text}: must look like virtualcam:{_FORM}, with even sides and a rate of "
            f"at most {_MAX_FPS}, as in virtualcam:,1280x720@30"
        ) from None
    return Address(found["device"], size_hw, fps)


def cover(image: Image) -> Image:
    """Return a picture of which only the colours can be recognised, darker.

    Args:
        image: (H, W, 3) uint8.
    """
    few = cv2.resize(image, _COVER_WH, interpolation=cv2.INTER_AREA)
    size = image.shape[1], image.shape[0]
    smooth = cv2.resize(few, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.convertScaleAbs(smooth, alpha=0.6), np.uint8)


def _open(device: str, width: int, height: int, fps: float) -> Any:
    try:
        import pyvirtualcam
    except ImportError as error:
        raise StreamError(
            f"virtualcam: needs the package pyvirtualcam; {install_extra('virtualcam')}"
        ) from error
    try:
        return pyvirtualcam.Camera(
            width=width,
            height=height,
            fps=fps,
            fmt=pyvirtualcam.PixelFormat.RGB,
            device=device or None,
        )
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise StreamError(
            f"virtualcam:{device} cannot be opened ({reason}); run.py doctor says what is missing"
        ) from error
