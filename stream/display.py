"""The display of this system: whether there is one to show windows on or to take pictures of."""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

_PROBE_S = 8
#: Opens a window as `stream.sinks.window` does, and ends before it would be seen; by an alarm where
#: the display says nothing, also when nobody waits for it any more.
_PROBE = (
    f"import os, signal; signal.alarm({_PROBE_S}); "
    "import cv2; cv2.namedWindow('probe', cv2.WINDOW_NORMAL); os._exit(0)"
)
#: What Qt says whatever the reason.
_NO_REASON = ("QFontDatabase", "Note that Qt", "qt.qpa", "This application failed", "Available pl")


def begin_probe() -> None:
    """Begin to find out, in the background, what `why_no_window` says."""
    if sys.platform == "linux" and (wayland_available() or x11_available()):
        _probe(*_display())


def why_no_window() -> str | None:
    """Say why no window can be opened here, `None` where one can.

    OpenCV ends the whole process where it is refused a window, so another process tries it first.
    """
    if sys.platform != "linux":
        return None
    if not (wayland_available() or x11_available()):
        return "there is no display"
    probe = _probe(*_display())
    _probe.cache_clear()  # what it says is true of now
    return _answer(probe)


def leave_events_to_qt() -> bool:
    """Have Qt tell the libX11 in use that it takes the events of the display; says if it will.

    It does so through libX11-xcb, which writes into libX11's own memory. The wheels of OpenCV have
    a libX11-xcb but no libX11, and theirs expects another layout of that memory than the system's
    has: libX11 then takes some events for itself, and a window stays black or misses a key. Where
    the system's libX11-xcb is loaded before, Qt uses that one.
    """
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libX11-xcb.so.1", ctypes.RTLD_GLOBAL)
        except OSError:
            return False
    return True


def _display() -> tuple[str | None, ...]:
    """Return all that says which display is meant, and who may use it."""
    return tuple(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY")))


@functools.cache
def _probe(*display: str | None) -> subprocess.Popen[str]:
    """Start the process that tries `display`, which the environment names, or return it."""
    return subprocess.Popen(
        [sys.executable, "-c", _PROBE],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def _answer(probe: subprocess.Popen[str]) -> str | None:
    """Wait for the probe of the display and say why there is no window."""
    _, told = probe.communicate()
    if probe.returncode == 0:
        return None
    if probe.returncode == -signal.SIGALRM:
        return "the display does not answer"
    if not x11_available():
        return "Wayland shows OpenCV's windows through XWayland alone, which does not run"
    lines = [line.strip() for line in told.splitlines() if not line.startswith(_NO_REASON)]
    reason = next(filter(None, lines), "no reason given")
    return f"the display {os.environ.get('DISPLAY')} refuses ({reason})"


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
    if not number.isdecimal():
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
