"""Source: a video file, a network address or the screen, through ffmpeg."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentation.picture import Picture, RgbPicture
from stream.errors import StreamError
from stream.ffmpeg.header import VideoHeader, has_picture, sound_codecs, video_header
from stream.ffmpeg.inputs import (
    input_options,
    is_live_address,
    is_network_address,
    without_password,
)
from stream.ffmpeg.screen import SCREEN_FPS, is_screen_address, screen_filter, why_no_screen
from stream.ffmpeg.timestamped_output import TIMESTAMP_OPTIONS, TimestampedOutput
from stream.frame import Frame, Source, StreamInfo
from stream.yuv420 import LUMA_WEIGHTS, YuvCoding, YuvPicture, num_bytes

# Both go through `scale`, whose line in the log says what the frames are.
_AS_DECODED = "scale"
#: Chroma is interpolated and rounded rightly; ffmpeg's faster default darkens by 1 to 2 of 255.
_TO_RGB = "scale=flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24"
_YUV420 = ("yuv420p", "yuvj420p")
_NETWORK_TIMEOUT_S = 20.0
_DEFAULT_FPS = Fraction(25)


class VideoSource(Source):
    """Frames of a local video file, of a network address or of the screen, see `Source`.

    One ffmpeg decodes and rotates as the file demands. 8-bit 4:2:0, which nearly all videos are,
    stays as it is, a `YuvPicture`, with the file's own matrix and range (BT.601 where it names no
    matrix, as ffmpeg does everywhere); for anything else ffmpeg is started again, to convert it
    exactly to RGB. A file that is damaged somewhere gives the frames ffmpeg can decode.
    Transparency is ignored.

    A network address is live if its protocol is (rtsp, udp, ...) or it announces no length.

    Args:
        address: path, an address with a network protocol, or `screen:[WxH+X+Y]`.
        on_message: told, in one line and at its end, that the file is damaged.

    Raises:
        StreamError: not there, not readable, no video, or ffmpeg failed before the first frame.
    """

    def __init__(self, address: str, on_message: Callable[[str], None] = lambda text: None) -> None:
        """Start ffmpeg and wait for the first frame."""
        super().__init__()
        self._address, self._name = address, without_password(address)
        self._on_message = on_message
        self._screen = is_screen_address(address)
        self._remote = self._screen or is_network_address(address)
        if not self._remote:
            _check_file(Path(address))
        self._low_delay = is_live_address(address)
        header = self._start(_TO_RGB if self._screen else _AS_DECODED)
        self._coding: YuvCoding | None = None
        if header.pixels in _YUV420 and header.colour.matrix in LUMA_WEIGHTS:
            self._coding = YuvCoding(header.colour.matrix, header.colour.full_range)
        elif not self._screen:
            self._output.process.close()
            header = self._start(_TO_RGB)
        self.info = self._stream_info(header)

    def _start(self, video_filter: str) -> VideoHeader:
        """Start ffmpeg and wait for the first frame."""
        if self._screen and (cut := screen_filter(self._address)):
            video_filter = f"{cut},{video_filter}"
        self._output = TimestampedOutput(
            [
                *input_options(self._address, low_delay=self._low_delay),
                *("-map", "0:V:0", "-vf", video_filter, *TIMESTAMP_OPTIONS),
                *("-f", "rawvideo", "pipe:1"),
            ]
        )
        try:
            return self._header()
        except BaseException:
            self._output.process.close()
            raise

    def _header(self) -> VideoHeader:
        try:
            self._first = self._output.next_timestamp(_NETWORK_TIMEOUT_S if self._remote else None)
        except TimeoutError:
            raise StreamError(
                f"{self._name}: no picture came within {_NETWORK_TIMEOUT_S:.0f} s; "
                "check the address and that it is sending"
            ) from None
        header = video_header(self._output.header)
        if self._first is None or header is None:
            raise StreamError(self._why_nothing())
        return header

    def _stream_info(self, header: VideoHeader) -> StreamInfo:
        # ffmpeg guesses a screen's from the first pictures, which come late on a busy machine
        fps = Fraction(SCREEN_FPS) if self._screen else header.fps or _DEFAULT_FPS
        live = self._low_delay or (self._remote and header.duration_s is None)
        has_sound = bool(sound_codecs(self._output.header)) and not live
        duration_s = None if live else header.duration_s
        return StreamInfo(
            width=header.width,
            height=header.height,
            fps=fps,
            live=live,
            pixel_aspect=header.pixel_aspect,
            num_frames=None if duration_s is None else round(duration_s * fps),
            colour=header.colour,
            time_base=self._first[1] if self._first is not None else None,
            sound=self._address if has_sound else None,
        )

    def close(self) -> None:
        """End ffmpeg."""
        self._output.process.close()

    def interrupt(self) -> None:
        """See `Source.interrupt`."""
        super().interrupt()
        self._output.process.kill()

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; see `Source`.

        Raises:
            StreamError: ffmpeg was killed, or the network broke off.
        """
        timestamp, index = self._first, 0
        clock = _Clock(float(1 / (self.info.fps or _DEFAULT_FPS)))
        while timestamp is not None and not self._interrupted.is_set():
            picture = self._read_picture()
            if picture is None:
                break
            yield Frame(picture, index, clock.time_s(*timestamp))
            timestamp, index = self._output.next_timestamp(), index + 1
        self._check_end(index)

    def _read_picture(self) -> Picture | None:
        """Return the next frame, `None` where ffmpeg ended within it."""
        size_hw = self.info.height, self.info.width
        if self._coding is not None:
            data = self._read(np.empty(num_bytes(size_hw), np.uint8))
            return data if data is None else YuvPicture.of_bytes(data, size_hw, self._coding)
        image = self._read(np.empty((*size_hw, 3), np.uint8))
        return image if image is None else RgbPicture(image)

    def _read(self, array: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        if not self._output.process.read_into(array.data.cast("B")):
            return None
        array.flags.writeable = False
        return array

    def _check_end(self, num_frames: int) -> None:
        process = self._output.process
        status = process.wait()
        if self._interrupted.is_set():
            return
        broke_off = self._remote and process.has_reported("Error during demuxing")
        if status < 0 or broke_off:
            raise StreamError(f"{self._name}: broke off ({process.failure()})")
        if not self._remote and (status or process.has_reported("")):
            expected = f" of about {self.info.num_frames}" if self.info.num_frames else ""
            self._on_message(
                f"{self._name}: is damaged, {num_frames}{expected} frames could be read "
                f"({process.failure()})"
            )

    def _why_nothing(self) -> str:
        """Say why no frame came. The process has ended or is about to."""
        process, name = self._output.process, self._name
        status = process.wait()
        if status < 0:
            return f"{name}: {process.failure()} before the first frame"
        if process.has_reported("Format not on whitelist"):
            return f"{name}: is no video but a playlist, sound or text; give the video itself"
        if self._screen:
            return f"{name}: {why_no_screen(process)}"
        if any(line.startswith("[info] Input #0") for line in self._output.header):
            if not has_picture(self._output.header):
                return f"{name}: has no video in it; give a video, a photo or a camera's number"
            return f"{name}: no frame of it can be decoded ({process.failure()})"
        reason = re.sub(r"^Error opening input.*?: ", "", process.failure())
        return f"{name}: cannot be read as a video ({reason.replace(self._address, name)})"


class _Clock:
    """Makes times increase, also where the clock of a file starts over, as in joined recordings.

    Args:
        step_s: from one frame to the next, as a rule.
    """

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._last_s = -math.inf
        self._offset_s = 0.0

    def time_s(self, pts: int, time_base: Fraction) -> float:
        """Return the time of the next frame."""
        time_s = float(pts * time_base) + self._offset_s
        if time_s <= self._last_s:
            starts_over = self._last_s - time_s > 2 * self._step_s
            due_s = self._last_s + (self._step_s if starts_over else float(time_base))
            if starts_over:
                self._offset_s += due_s - time_s
            time_s = due_s
        self._last_s = time_s
        return time_s


def _check_file(path: Path) -> None:
    """Say what is wrong with a file before ffmpeg does, in better words.

    Raises:
        StreamError: it cannot be a video.
    """
    try:
        if path.is_dir():
            raise StreamError(f"{path}: is a folder, not a video")
        if not path.exists():
            raise StreamError(f"{path}: no such file")
        if not os.access(path, os.R_OK):
            raise StreamError(f"{path}: may not be read; check its permissions")
        if path.is_file() and path.stat().st_size == 0:
            raise StreamError(f"{path}: is empty")
    except (OSError, ValueError) as error:
        raise StreamError(f"{str(path)!r}: cannot be read ({error})") from None
