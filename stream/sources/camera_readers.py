"""What reads a webcam's pictures: OpenCV, and where it cannot, ffmpeg."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.cameras.modes import FORMAT, FPS, SIZE_WH, Mode, Wanted, closest_size
from stream.ffmpeg import video4linux
from stream.sources.decoder import Decoder, Opening
from stream.sources.pixels import TO_RGB

_WAIT_S = 0.1  # for a picture of ffmpeg, before somebody may want to end


class CameraReader(ABC):
    """An open camera. Whoever makes one closes it.

    Attributes:
        name: of the library, for people.
    """

    name: str

    @property
    @abstractmethod
    def has_ended(self) -> bool:
        """Whether nothing will come from it any more, or ever did."""

    @abstractmethod
    def read(self) -> NDArray[np.uint8] | None:
        """Return the next picture, (H, W, 3) uint8 RGB, `None` where none came this time."""

    @abstractmethod
    def mode(self, size_wh: tuple[int, int]) -> Mode:
        """Return how its pictures come, read back; of this size was the first one."""

    def failure(self) -> str:
        """Say in a few words why it has ended, "" where that is not known."""
        return ""

    @abstractmethod
    def close(self) -> None:
        """Free the camera. May be called again."""


class OpenCvReader(CameraReader):
    """Reads through OpenCV.

    Args:
        target: a camera's number, or the path of a device.
        wanted: is asked for.
    """

    name = "OpenCV"

    def __init__(self, target: int | str, wanted: Wanted) -> None:
        """Open the camera and set its mode."""
        backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        self._device: Any = cv2.VideoCapture(target, backend)
        width, height = wanted.size_wh or SIZE_WH
        # asked for after the size, the format is ignored by many drivers
        code = (wanted.format or FORMAT).ljust(4)
        self._device.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*code))
        self._device.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        self._device.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        self._device.set(cv2.CAP_PROP_FPS, float(wanted.fps or FPS))
        self._device.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    @property
    def has_ended(self) -> bool:
        """Whether it could not be opened."""
        return not self._device.isOpened()

    def read(self) -> NDArray[np.uint8] | None:
        """See `CameraReader`."""
        try:
            good, image = self._device.read()
        except cv2.error:  # of drivers that it thinks impossible
            return None
        return _rgb(image) if good and image is not None else None

    def mode(self, size_wh: tuple[int, int]) -> Mode:
        """See `CameraReader`."""
        code = int(self._device.get(cv2.CAP_PROP_FOURCC))
        name = code.to_bytes(4, "little", signed=code < 0).decode("ascii", "replace").strip("\0 ")
        rate = self._device.get(cv2.CAP_PROP_FPS)
        fps = Fraction(rate).limit_denominator(1001) if rate and rate > 0 else None
        return Mode(size_wh, fps, name)

    def close(self) -> None:
        """See `CameraReader`."""
        self._device.release()


class FfmpegReader(CameraReader):
    """Reads a video device of Linux through ffmpeg.

    Args:
        path: of the device.
        name: of the format, for which `video4linux.can_read`.
        wanted: is asked for.

    Raises:
        StreamError: ffmpeg is not there.
    """

    name = "ffmpeg"

    def __init__(self, path: Path, name: str, wanted: Wanted) -> None:
        """Start ffmpeg."""
        self._format, self._has_first, self._has_ended = name, False, False
        # told of another size than that which comes, it takes MJPG for halves of pictures
        size_wh = closest_size(path, name, wanted.size_wh or SIZE_WH)
        fps = wanted.fps or FPS
        arguments = video4linux.capture_options(path, name, size_wh, fps)
        self._decoder = Decoder(str(path), Opening(TO_RGB, low_delay=True, device=arguments))

    @property
    def has_ended(self) -> bool:
        """Whether ffmpeg has ended."""
        return self._has_ended

    def read(self) -> NDArray[np.uint8] | None:
        """See `CameraReader`."""
        if self._has_ended:
            return None
        try:
            if not self._has_first:
                self._has_first = self._decoder.wait_for_first(_WAIT_S)
            decoded = self._decoder.read(_WAIT_S) if self._has_first else None
        except TimeoutError:
            return None
        self._has_ended = decoded is None
        return None if decoded is None else decoded.picture.rgb

    def mode(self, size_wh: tuple[int, int]) -> Mode:
        """See `CameraReader`."""
        return Mode(size_wh, self._decoder.header.fps, self._format)

    def failure(self) -> str:
        """See `CameraReader`."""
        self._decoder.kill()
        self._decoder.wait()
        return self._decoder.failure() if self._has_ended else ""

    def close(self) -> None:
        """See `CameraReader`."""
        self._decoder.close()


def _rgb(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (H, W, 3) RGB of what OpenCV gives: BGR, with some drivers grey or with alpha."""
    num_channels = image.shape[2] if image.ndim == 3 else 1
    codes = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
    return np.asarray(cv2.cvtColor(image, codes[num_channels]), np.uint8)
