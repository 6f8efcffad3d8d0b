"""Whether programs get cameras through the desktop, which must know the virtual camera then.

Source: documentation of xdg-desktop-portal, "Camera", and of PipeWire and WirePlumber.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stream.cameras.devices import VIRTUAL, video_devices
from stream.doctor.finding import Finding

TOPIC = "camera portal"
_PORTAL = "share/dbus-1/services/org.freedesktop.portal.Desktop.service"
_MANAGERS = ("wireplumber", "pipewire-media-")  # as far as the kernel keeps a name
START = "systemctl --user enable --now pipewire wireplumber"
LOOK_AGAIN = "systemctl --user restart pipewire wireplumber"


def camera_portal_findings(root: Path = Path("/")) -> list[Finding]:
    """Return whether PipeWire gives cameras to programs in Flatpaks and to browsers.

    Those see what PipeWire saw when it looked: a virtual camera that nobody was sending to then is
    no camera to it.

    Args:
        root: of the file system.
    """
    if not sys.platform.startswith("linux"):
        return []
    if not _runs(root):
        text = "PipeWire does not run; programs open cameras themselves"
        return [Finding(TOPIC, "ok", text)]
    if not any((root / place / _PORTAL).exists() for place in ("usr", "usr/local")):
        text = "xdg-desktop-portal, by which Flatpaks and some browsers get cameras"
        remedy = "install xdg-desktop-portal and that of the desktop, as -gnome, -kde or -gtk"
        return [Finding(TOPIC, "missing", text, remedy)]
    if not _is_managed(root):
        text = "PipeWire runs without WirePlumber: Flatpaks and some browsers find no camera"
        return [Finding(TOPIC, "wrong", text, START)]
    hidden = [device for device in video_devices(root) if _is_idle(device.driver, device.captures)]
    if hidden:
        names = ", ".join(device.name for device in hidden)
        text = f"{names}: is seen there only if PipeWire looks while maskcast sends"
        return [Finding(TOPIC, "missing", text, f"once maskcast runs: {LOOK_AGAIN}")]
    return [Finding(TOPIC, "ok", "PipeWire gives cameras to Flatpaks and browsers")]


def _is_idle(driver: str, captures: bool) -> bool:
    """Return whether it is a virtual camera that shows itself as one only while it is sent to."""
    return driver == VIRTUAL and not captures


def _runs(root: Path) -> bool:
    folder = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    name = os.environ.get("PIPEWIRE_REMOTE") or "pipewire-0"
    return (root / folder.lstrip("/") / name).exists()


def _is_managed(root: Path) -> bool:
    for path in (root / "proc").glob("[0-9]*/comm"):
        try:
            if path.read_text(errors="replace").startswith(_MANAGERS):
                return True
        except OSError:  # it has ended
            continue
    return False
