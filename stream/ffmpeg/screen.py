"""The screen as a source: how ffmpeg takes pictures of it on each system."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass

from stream.display import wayland_available, x11_available
from stream.errors import StreamError
from stream.ffmpeg.process import Ffmpeg

PREFIX = "screen:"
_REGION = re.compile(r"(\d+)x(\d+)\+(\d+)\+(\d+)")
#: Frames a second that are asked for.
SCREEN_FPS = 30


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the screen, in pixels from its top left corner."""

    width: int
    height: int
    left: int
    top: int


def is_screen_address(address: str) -> bool:
    """Return whether `address` means the screen."""
    return address.startswith(PREFIX)


def screen_options(address: str) -> list[str]:
    """Return ffmpeg's arguments that open the screen.

    Args:
        address: `screen:` for all of it, `screen:WxH+X+Y` for a part. Of several screens X11 and
            Windows show all, macOS the first.

    Raises:
        StreamError: another form, or there is no screen of which pictures could be taken.
    """
    region = _region(address)
    if sys.platform == "darwin":
        # by its name: its number depends on how many cameras there are
        return _input("avfoundation", "Capture screen 0:none", ["-capture_cursor", "1"])
    if sys.platform == "win32":
        options = []
        if region is not None:
            options = ["-offset_x", str(region.left), "-offset_y", str(region.top)]
        return _input("gdigrab", "desktop", [*options, *_size(region)])
    _check_x11()
    options = []
    if region is not None:
        options = ["-grab_x", str(region.left), "-grab_y", str(region.top)]
    return _input("x11grab", os.environ["DISPLAY"], [*options, *_size(region)])


def screen_filter(address: str) -> str | None:
    """Return the filter that cuts the part out, where ffmpeg can only take the whole screen."""
    region = _region(address)
    if region is None or sys.platform != "darwin":
        return None
    return f"crop={region.width}:{region.height}:{region.left}:{region.top}"


def has_ended() -> bool:
    """Return whether the display whose screen was read is gone, as after a logout.

    Where one of that name is there again, it is somebody else's.
    """
    return sys.platform not in ("darwin", "win32") and not x11_available()


def why_no_screen(process: Ffmpeg) -> str:
    """Say why the ended `process` could not open the screen, and what to do."""
    if process.has_reported("outside the screen"):
        return "that part is not on the screen; leave it out, or give a smaller one"
    if sys.platform == "darwin":
        remedy = "allow it in System Settings, Privacy & Security, Screen Recording"
    else:
        remedy = "check that the screen is on and not locked"
    return f"cannot be read ({process.failure()}); {remedy}"


def _region(address: str) -> Region | None:
    text = address.removeprefix(PREFIX)
    if not text:
        return None
    match = _REGION.fullmatch(text)
    if match is None or not int(match[1]) * int(match[2]):
        raise StreamError(f"{address}: must look like screen: or screen:1280x720+0+0 (WxH+X+Y)")
    width, height, left, top = map(int, match.groups())
    return Region(width, height, left, top)


def _size(region: Region | None) -> list[str]:
    return [] if region is None else ["-video_size", f"{region.width}x{region.height}"]


def _input(device: str, name: str, options: list[str]) -> list[str]:
    # timestamps are those of the clock on the wall
    return ["-copyts", "-f", device, "-framerate", str(SCREEN_FPS), *options, "-i", name]


def _check_x11() -> None:
    if x11_available():
        return
    if wayland_available():
        raise StreamError("screen: Wayland shows its screen to no program; log in with Xorg")
    raise StreamError("screen: there is no display; check the variable DISPLAY")
