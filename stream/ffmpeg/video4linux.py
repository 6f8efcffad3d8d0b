"""How ffmpeg reads a video device of Linux."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

#: V4L2's four letters in the names of ffmpeg, which are those of pixels or of a codec.
_NAMES = {
    "YUYV": "yuyv422",
    "UYVY": "uyvy422",
    "YU12": "yuv420p",
    "YV12": "yuv420p",
    "422P": "yuv422p",
    "NV12": "nv12",
    "GREY": "gray",
    "Y16": "gray16le",
    "RGB3": "rgb24",
    "BGR3": "bgr24",
    "BGR4": "bgr0",
    "RGBP": "rgb565le",
    "MJPG": "mjpeg",
    "JPEG": "mjpeg",
    "MPG4": "mpeg4",
    "H264": "h264",
    "HEVC": "hevc",
}


def can_read(name: str) -> bool:
    """Return whether ffmpeg reads a format, given in V4L2's four letters."""
    return name in _NAMES


def capture_options(
    path: Path, name: str, size_wh: tuple[int, int], fps: Fraction
) -> tuple[str, ...]:
    """Return ffmpeg's arguments that open a device, each picture handed out as it comes.

    Args:
        path: of the device.
        name: of a format that the device offers and for which `can_read`.
        size_wh: one that it gives in that format, width first.
        fps: frames a second that are asked for; the driver takes the closest.
    """
    return (
        *("-f", "v4l2", "-input_format", _NAMES[name]),
        *("-video_size", f"{size_wh[0]}x{size_wh[1]}", "-framerate", str(fps)),
        # the device says its rate, which need not be looked for in its first pictures
        *("-fpsprobesize", "0", "-thread_type", "slice", "-i", str(path)),
    )
