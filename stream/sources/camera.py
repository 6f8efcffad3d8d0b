"""A webcam, through OpenCV."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.picture import Picture, RgbPicture
from stream.errors import StreamError
from stream.frame import Frame, Source, StreamInfo
from stream.pauses import Pauses
from stream.sources.fitting import fitted

# asked for; the camera may choose others
SIZE_WH, FPS = (1280, 720), 30
# OpenCV hands out the last picture again and again when a device is gone
MAX_REPEATS = 30
FIRST_S = 5.0  # how long a camera may give nothing after it was opened, and
FAILING_S = 1.0  # how long later on: single pictures come broken over USB
_RETRY_S = 0.02  # from one failing read to the next


class Camera(Source):
    """`Source` over a webcam: live, the newest frame wins; comes back after it was unplugged.

    A read that fails loses that frame alone. Pictures of another size than the first, as a camera
    may give that comes back, are fitted into it, on black.

    Args:
        number: as the system numbers cameras, from 0.
        on_message: told, in one line each, that the camera was lost, is back or of another size.

    Raises:
        StreamError: the camera cannot be opened or gives no picture.
    """

    _device: Any  # as it was opened last

    def __init__(self, number: int, on_message: Callable[[str], None]) -> None:
        """Open the camera and look at its first frame."""
        super().__init__()
        self._number = number
        self._on_message = on_message
        self._pauses = Pauses()
        self._last: Any = None  # of the picture before, some pixels
        self._repeats = 0  # how often it came again
        self._still: Any = None  # those of the last picture that stood so long that it seemed lost
        first = self._open()
        if first is None:
            raise StreamError(
                f"camera {number}: cannot be opened; is it plugged in, free and permitted? "
                "(another number, or a video file, can be given instead)"
            )
        rate = self._device.get(cv2.CAP_PROP_FPS)
        self.info = StreamInfo(
            width=first.shape[1],
            height=first.shape[0],
            fps=Fraction(rate).limit_denominator(1001) if rate and rate > 0 else Fraction(FPS),
            live=True,
        )
        self._told_sizes = {first.shape[:2]}

    @property
    def mode(self) -> str:
        """The mode really set, for people: "1280x720, 30 frames/s, MJPG"."""
        code = int(self._device.get(cv2.CAP_PROP_FOURCC))
        name = code.to_bytes(4, "little", signed=code < 0).decode("ascii", "replace").strip("\0 ")
        rate = f"{float(self.info.fps or 0):g} frames/s"
        return ", ".join(filter(None, [f"{self.info.width}x{self.info.height}", rate, name]))

    def close(self) -> None:
        """Release the device."""
        self.interrupt()
        self._device.release()

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until interrupted; see `Source`."""
        index = take = 0
        while not self._interrupted.is_set():
            image = self._read(FAILING_S)
            if image is None:
                take += 1
                if not self._reopen():
                    return
                continue
            yield Frame(self._fitted(image), index, time.monotonic(), take=take)
            index += 1

    def _open(self) -> NDArray[np.uint8] | None:
        """Open the device and return its first frame, `None` when there is none to be had."""
        self._pauses.begin()
        backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        device = cv2.VideoCapture(self._number, backend)
        # uncompressed video fills USB 2 at 5 frames/s in 1080p; asked for after the size, the
        # format is ignored by many drivers
        device.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        device.set(cv2.CAP_PROP_FRAME_WIDTH, SIZE_WH[0])
        device.set(cv2.CAP_PROP_FRAME_HEIGHT, SIZE_WH[1])
        device.set(cv2.CAP_PROP_FPS, FPS)
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._device, self._last, self._repeats = device, None, 0
        first = self._read(FIRST_S) if device.isOpened() else None
        if first is None:
            device.release()
        return first

    def _read(self, patience_s: float) -> NDArray[np.uint8] | None:
        """Return the next frame as RGB, `None` when the camera seems to be gone.

        Args:
            patience_s: how long reads may fail.
        """
        begun_s = time.monotonic()
        while True:
            good, image = self._device.read()
            if good and image is not None:
                return None if self._is_stuck(image) else _rgb(image)
            if time.monotonic() - begun_s > patience_s or self._interrupted.wait(_RETRY_S):
                return None

    def _is_stuck(self, image: NDArray[Any]) -> bool:
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

    def _fitted(self, image: NDArray[np.uint8]) -> Picture:
        """Return the picture in the size of the first one; what is fitted is told once."""
        height, width = image.shape[:2]
        info = self.info
        if (height, width) not in self._told_sizes:
            self._told_sizes.add((height, width))
            self._on_message(
                f"camera {self._number}: its pictures are {width}x{height} now, "
                f"fitted into {info.width}x{info.height}"
            )
        size_hw = info.height, info.width
        return fitted(RgbPicture(image), Fraction(width, height), size_hw, info.pixel_aspect)

    def _reopen(self) -> bool:
        """Open the lost camera again, however long it takes; `False` when interrupted."""
        if self._interrupted.is_set():
            return False
        self._on_message(f"camera {self._number}: lost, trying to open it again")
        self._device.release()
        while not self._interrupted.wait(self._pauses.next_s()):
            if self._open() is not None:
                self._on_message(f"camera {self._number}: back")
                return True
        return False


def _rgb(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (H, W, 3) RGB of what OpenCV gives: BGR, with some drivers grey or with alpha."""
    num_channels = image.shape[2] if image.ndim == 3 else 1
    codes = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
    return np.asarray(cv2.cvtColor(image, codes[num_channels]), np.uint8)
