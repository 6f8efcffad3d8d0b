"""Which camera an address means."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stream.cameras import devices
from stream.cameras.devices import VideoDevice, cameras, device_path, video_devices
from stream.cameras.holders import who_uses
from stream.cameras.v4l2 import Device
from stream.errors import StreamError

PREFIX = "camera:"
ADD_TO_GROUP = "sudo usermod -aG video $USER, then log in again"
END_THAT = "end that, or let it use the virtual camera"
_NUMBER = re.compile(r"\d{1,3}")
_DEVICE = re.compile(r"/dev/(video\d+|v4l/.+)")
_ELSE = "(another number, or a video file, can be given instead)"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a camera is now; the same address may be elsewhere once it was unplugged.

    Attributes:
        title: what messages call it: "camera 0".
        number: as the system numbers it, `None` where it has none.
        path: of the device on Linux, `None` elsewhere.
    """

    title: str
    number: int | None
    path: Path | None

    @property
    def target(self) -> int | str:
        """What OpenCV opens: a path where there is one."""
        if self.path is not None and (self.path.exists() or self.number is None):
            return str(self.path)
        return self.number or 0

    @property
    def where(self) -> str:
        """What messages add to the title: " (/dev/video2)", "" where that says it."""
        is_said = self.title in (f"camera {self.number}", f"camera {self.path}")
        return "" if self.path is None or is_said else f" ({self.path})"


def is_camera(address: str) -> bool:
    """Return whether an address means a camera: "0", "camera:...", or the path of a device."""
    if address.startswith(PREFIX) or _NUMBER.fullmatch(address):
        return True
    if not sys.platform.startswith("linux") or "\0" in address:
        return False
    return bool(_DEVICE.match(address)) or _is_device(Path(os.path.realpath(address)))


def place_of(address: str) -> Place:
    """Return where the camera is that an address means.

    Args:
        address: see `is_camera`. After "camera:" comes a number, part of a name, in whatever
            capitals, or a path.

    Raises:
        StreamError: no camera is called so, or several are.
    """
    text = address.removeprefix(PREFIX)
    is_linux = sys.platform.startswith("linux")
    if _NUMBER.fullmatch(text):
        number = int(text)
        named = [] if not is_linux or device_path(number).exists() else _named(text)
        if len(named) == 1:  # "camera:920" is a C920 where no device has that number
            return _place(f"camera {text}", named[0].path)
        return Place(f"camera {number}", number, device_path(number) if is_linux else None)
    if not is_linux:
        raise StreamError(
            f"{address}: cameras have names on Linux only; give a number, 0 for the first one"
        )
    if "/" in text:
        return _place(f"camera {text}", Path(os.path.realpath(text)))
    named = _named(text)
    if len(named) != 1:
        what = f"{len(named)} cameras are called so" if named else "no camera is called so"
        raise StreamError(f"{address}: {what}; {listed(named or cameras())}")
    return _place(f"camera {text}", named[0].path)


def beside(place: Place) -> list[str]:
    """Return the addresses of the other cameras, from the next one round to the one before."""
    if place.path is None:
        own = place.number or 0
        return [str(number) for number in [own + 1, *range(own)]]
    own_path = Path(os.path.realpath(place.path))
    others = [each for each in cameras() if each.path != own_path]
    number = place.number
    after = [each for each in others if number is None or each.number > number]
    before = [each for each in others if each not in after]
    return [str(each.number) for each in [*after, *before]]


def why_not(place: Place, reason: str) -> str:
    """Say in one line why a camera cannot be opened or gives nothing, and what to do.

    Args:
        place: of the camera.
        reason: what whoever tried last had to say, or "".
    """
    told = f"{place.title}: cannot be opened"
    if place.path is None:
        return f"{told}; is it plugged in, free and permitted? {_ELSE}"
    known = {each.path: each for each in video_devices()}
    device = known.get(place.path)
    if device is None:
        there = cameras()
        return f"{told}; {'there is no such device; ' if there else ''}{listed(there)}"
    if not device.permitted:
        return f"{told}; it may not be used by you: {ADD_TO_GROUP}"
    if not device.captures:
        return f"{told}; {device.name} gives no pictures; {listed(cameras())}"
    if is_busy(place.path):
        return f"{told}; it is used by {who_uses(place.path)}: {END_THAT}"
    return f"{told}; it gives no picture{f' ({reason})' if reason else ''} {_ELSE}"


def is_busy(path: Path) -> bool:
    """Return whether another program has the pictures of a device now."""
    try:
        with Device(path) as device:
            return device.is_busy()
    except OSError:
        return False


def listed(found: Sequence[VideoDevice]) -> str:
    """Say which cameras there are: "there are camera:0 (C920) and camera:2 (Link)"."""
    if not found:
        return "no camera is plugged in (a video file or demo: can be given instead)"
    names = [f"{PREFIX}{each.number} ({each.name}, {each.path})" for each in found]
    return f"there {'is' if len(names) == 1 else 'are'} {' and '.join(names)}"


def _named(text: str) -> list[VideoDevice]:
    """Return the cameras whose name has this in it, or the one that is called just so."""
    wanted = " ".join(text.casefold().split())
    found = [each for each in cameras() if wanted in each.name.casefold()]
    same = [each for each in found if each.name.casefold() == wanted]
    return same if len(same) == 1 else found


def _place(title: str, path: Path) -> Place:
    return Place(title, _number(path), path)


def _is_device(path: Path) -> bool:
    return path.parent == devices.ROOT / "dev" and _number(path) is not None


def _number(path: Path) -> int | None:
    match = re.fullmatch(r"video(\d+)", path.name)
    return int(match[1]) if match else None
