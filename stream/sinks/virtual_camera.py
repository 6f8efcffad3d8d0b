"""A camera that other programs can choose: the output as a webcam for meetings."""

from __future__ import annotations

import threading
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.pip_command import install_extra
from stream.errors import StreamError
from stream.frame import Output, OutputInfo, Sink
from stream.pace import Pace
from stream.sinks.parts.options import SinkOptions

Image = NDArray[np.uint8]

#: How long the last picture stands when none come any more; a blurred one follows.
COVER_AFTER_S = 5.0
_COVER_WH = (12, 9)  # of the pixels that are left of it
_BEFORE_FIRST = 32  # grey level


class VirtualCamera(Sink):
    """`Sink` through pyvirtualcam: v4l2loopback on Linux, OBS's camera on macOS and Windows.

    A thread sends at the rate of the source, whatever comes: each new picture at once, and the
    last one again while the camera or the network stalls, so that meetings see a steady camera.
    Nothing but outputs is ever sent: grey before the first, and a blurred one when there have
    been none for `COVER_AFTER_S`. Frames of a file are shown when they are due.

    Args:
        device: for example `/dev/video10`; "" takes the first that is there.
        info: of the outputs.
        options: see `SinkOptions`; told under which name other programs find the camera.

    Raises:
        StreamError: pyvirtualcam or the system's virtual camera is missing, or busy.
    """

    on_time = True

    def __init__(self, device: str, info: OutputInfo, options: SinkOptions) -> None:
        """Open the device."""
        stream = info.as_shown().stream
        self._live = info.stream.live
        self._fps = float(stream.fps or 30)
        self._camera = _open(device, stream.width, stream.height, self._fps)
        self._on_message = options.on_message
        self._pace = Pace()
        self._image = np.full((stream.height, stream.width, 3), _BEFORE_FIRST, np.uint8)
        self._is_new = False
        self._ended = False
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

    @property
    def device(self) -> str:
        """Name of the device, as other programs show it."""
        return str(self._camera.device)

    def write(self, output: Output) -> None:
        """Show one output from now on; where it is transparent it shows black. See `Sink`.

        Raises:
            StreamError: the device is gone.
        """
        if self._error is not None:
            reason = " ".join(str(self._error).split()) or type(self._error).__name__
            raise StreamError(f"virtualcam: the device cannot be written to any more ({reason})")
        early_s = 0.0 if self._live else self._pace.early_s(output.frame.time_s)
        image = np.ascontiguousarray(output.as_shown().rgb)
        time.sleep(early_s)
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
        period_s = 1 / self._fps
        due = time.monotonic()
        seen = due
        covered: Image | None = None
        while (taken := self._next(due)) is not None:
            image, is_new = taken
            now = time.monotonic()
            if is_new:
                seen, covered = now, None
                # the next one may come a little late before this one is repeated
                due = now + 1.5 * period_s
            else:
                due = max(now, due + period_s)
            if now - seen > COVER_AFTER_S:
                covered = cover(image) if covered is None else covered
                image = covered
            self._camera.send(image)

    def _next(self, due: float) -> tuple[Image, bool] | None:
        """Return the last picture as soon as it is new, or at `due`, and whether it is new.

        `None` at the end.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_new or self._ended, max(0.0, due - time.monotonic())
            )
            is_new, self._is_new = self._is_new, False
            return None if self._ended else (self._image, is_new)


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
