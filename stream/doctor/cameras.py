"""Which cameras there are, and what sizes and rates they offer."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from stream.cameras.choice import ADD_TO_GROUP, END_THAT, is_busy
from stream.cameras.devices import VideoDevice, cameras
from stream.cameras.holders import who_uses
from stream.cameras.modes import mode_lines, offered_modes
from stream.doctor.finding import Finding
from stream.ffmpeg.process import log_of

_NAME = re.compile(r"\[AVFoundation.*?\[(\d+)\] (.+)$")
_DSHOW_NAME = re.compile(r'"([^"]+)" \(video\)')
_DSHOW_MODE = re.compile(r"max s=(\d+x\d+) fps=([\d.]+)")
_AVFOUNDATION_MODE = re.compile(r"(\d+x\d+)@\[[\d.]+ ([\d.]+)\]fps")


def camera_findings(root: Path = Path("/")) -> list[Finding]:
    """Return a finding for each camera, or one that says that there is none.

    Args:
        root: where Linux' /dev and /sys are.
    """
    if sys.platform.startswith("linux"):
        found = [_linux(device) for device in cameras(root)]
    else:
        names = avfoundation_names if sys.platform == "darwin" else dshow_names
        found = [
            Finding("camera", "ok", f"camera:{number} {name}{_modes(name)}")
            for number, name in enumerate(names(_device_log()))
        ]
    if found:
        return found
    remedy = "plug one in"
    if sys.platform == "darwin":
        remedy = "plug one in, and allow it in System Settings, Privacy & Security, Camera"
    return [Finding("camera", "missing", "none found", remedy)]


def avfoundation_names(lines: Iterable[str]) -> list[str]:
    """Return the cameras, not the screens, in ffmpeg's list of AVFoundation's devices."""
    names = []
    for line in lines:
        if "audio devices" in line:
            break
        if (match := _NAME.search(line)) and not match[2].startswith("Capture screen"):
            names.append(match[2])
    return names


def dshow_names(lines: Iterable[str]) -> list[str]:
    """Return the cameras in ffmpeg's list of DirectShow's devices."""
    return [match[1] for line in lines if (match := _DSHOW_NAME.search(line))]


def modes(lines: Iterable[str]) -> str:
    """Return sizes, rates and formats from ffmpeg's list of what a camera offers, for people.

    The largest come first.
    """
    found: dict[str, str] = {}
    for line in lines:
        for size, rate in _DSHOW_MODE.findall(line) + _AVFOUNDATION_MODE.findall(line):
            found[size] = f"{float(rate):g}/s"
    largest = sorted(found, key=lambda size: [-int(side) for side in size.split("x")])
    return ", ".join(f"{size} {found[size]}" for size in largest)


def _linux(device: VideoDevice) -> Finding:
    name = f"camera:{device.number} {device.name}"
    if not device.permitted:
        return Finding("camera", "wrong", f"{name}: may not be used by you", ADD_TO_GROUP)
    if is_busy(device.path):
        return Finding("camera", "wrong", f"{name}: is used by {who_uses(device.path)}", END_THAT)
    lines = mode_lines(offered_modes(device.path))
    return Finding("camera", "ok", f"{name} ({'; '.join(lines)})" if lines else name)


def _modes(name: str) -> str:
    if sys.platform == "darwin":
        # a rate that no camera has makes it list those that it has
        arguments = ["-f", "avfoundation", "-framerate", "1000", "-i", f"{name}:none"]
    else:
        arguments = ["-f", "dshow", "-list_options", "true", "-i", f"video={name}"]
    told = modes(log_of(arguments))
    return f" ({told})" if told else ""


def _device_log() -> list[str]:
    kind, nothing = ("avfoundation", "") if sys.platform == "darwin" else ("dshow", "dummy")
    return log_of(["-f", kind, "-list_devices", "true", "-i", nothing])
