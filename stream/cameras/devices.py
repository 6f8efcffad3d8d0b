"""Linux' video devices: which there are, what they are called and what they can do."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from stream.cameras.v4l2 import CAPTURE, OUTPUT, Device

#: Where /dev and /sys are.
ROOT = Path("/")
VIRTUAL = "v4l2 loopback"


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

    @property
    def number(self) -> int:
        """As the system numbers it."""
        return int(self.path.name.removeprefix("video"))


def video_devices(root: Path | None = None) -> list[VideoDevice]:
    """Return all video devices, by number.

    Args:
        root: where /dev and /sys are; `None` for this system's.
    """
    root = ROOT if root is None else root
    paths = [path for path in (root / "dev").glob("video*") if re.search(r"\d$", path.name)]
    found = [_device(path, root) for path in paths if path.name.removeprefix("video").isdigit()]
    return sorted(found, key=lambda device: device.number)


def cameras(root: Path | None = None) -> list[VideoDevice]:
    """Return the video devices that are cameras; not those that programs write to.

    Args:
        root: see `video_devices`.
    """
    return [each for each in video_devices(root) if each.captures and each.driver != VIRTUAL]


def device_path(number: int) -> Path:
    """Return the path of the device of a number, whether there is one or not."""
    return ROOT / f"dev/video{number}"


def _device(path: Path, root: Path) -> VideoDevice:
    """Return what is known of a device; one that may not be used counts as a camera."""
    name = _line(root / "sys/class/video4linux" / path.name / "name")
    if not os.access(path, os.R_OK | os.W_OK):
        return VideoDevice(path, name or "unknown", True, False, "", permitted=False)
    try:
        with Device(path) as device:
            told = device.capability()
    except OSError:  # unplugged a moment ago
        told = None
    if told is None:
        return VideoDevice(path, name or "unknown", False, False, "", permitted=True)
    captures, takes = bool(told.flags & CAPTURE), bool(told.flags & OUTPUT)
    return VideoDevice(path, name or told.card or "unknown", captures, takes, told.driver, True)


def _line(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
