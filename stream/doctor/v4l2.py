"""Linux' video devices: what they are called and what they can do.

Source: Linux media documentation, "Video for Linux API", ioctl VIDIOC_QUERYCAP.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

_QUERYCAP = 0x80685600  # _IOR('V', 0, struct v4l2_capability), 104 bytes
_FORMAT = "16s32s32sII I12x"
_CAPTURE, _OUTPUT = 0x1, 0x2


@dataclass(frozen=True, slots=True)
class VideoDevice:
    """A device.

    Attributes:
        path: such as /dev/video0.
        name: as programs show it.
        captures: it gives pictures.
        takes: pictures can be written to it.
        driver: "v4l2 loopback" for virtual cameras, "uvcvideo" for most webcams; "" if unknown.
        permitted: this user may read and write it.
    """

    path: Path
    name: str
    captures: bool
    takes: bool
    driver: str
    permitted: bool


def video_devices(root: Path = Path("/")) -> list[VideoDevice]:
    """Return all video devices, by number.

    Args:
        root: where /dev and /sys are.
    """
    found = []
    for folder in (root / "sys/class/video4linux").glob("video*"):
        path = root / "dev" / folder.name
        if folder.name.removeprefix("video").isdigit() and path.exists():
            found.append(_device(path, _line(folder / "name")))
    return sorted(found, key=lambda device: int(device.path.name.removeprefix("video")))


def _device(path: Path, name: str) -> VideoDevice:
    if not os.access(path, os.R_OK | os.W_OK):
        return VideoDevice(path, name, True, False, "", permitted=False)
    capability = _query(path)
    if capability is None:
        return VideoDevice(path, name, False, False, "", permitted=True)
    driver, flags = parse_capability(capability)
    return VideoDevice(path, name, bool(flags & _CAPTURE), bool(flags & _OUTPUT), driver, True)


def parse_capability(data: bytes) -> tuple[str, int]:
    """Return the driver's name and the flags of the device from a `struct v4l2_capability`."""
    driver, _, _, _, whole, device = struct.unpack(_FORMAT, data)
    return driver.rstrip(b"\0").decode("ascii", "replace"), device or whole


def _query(path: Path) -> bytes | None:
    """Ask a device for its capabilities; `None` where it is none that knows the question."""
    import fcntl

    data = bytearray(struct.calcsize(_FORMAT))
    try:
        file = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.ioctl(file, _QUERYCAP, data)
    except OSError:
        return None
    finally:
        os.close(file)
    return bytes(data)


def _line(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return "unknown"
