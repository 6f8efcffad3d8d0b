"""The display of this system: whether there is one to show windows on or to take pictures of."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path


def display_available() -> bool:
    """Whether a window can be opened; OpenCV ends the whole process where it cannot."""
    return sys.platform != "linux" or wayland_available() or x11_available()


def wayland_available() -> bool:
    """Whether a Wayland compositor is there."""
    wayland = os.environ.get("WAYLAND_DISPLAY")
    if not wayland:
        return False
    return (Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / wayland).exists()


def x11_available() -> bool:
    """Whether the X server that `DISPLAY` names answers."""
    host, _, rest = os.environ.get("DISPLAY", "").rpartition(":")
    number = rest.split(".")[0]
    if not number.isdigit():
        return False
    try:
        if host in ("", "unix"):
            with socket.socket(socket.AF_UNIX) as local:
                local.connect(f"/tmp/.X11-unix/X{number}")
        else:
            socket.create_connection((host, 6000 + int(number)), timeout=2).close()
    except OSError:
        return False
    return True
