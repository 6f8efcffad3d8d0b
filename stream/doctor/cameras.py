"""Which cameras there are, and what sizes and rates they offer."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from stream.doctor.finding import Finding
from stream.doctor.v4l2 import VideoDevice, video_devices
from stream.ffmpeg.process import log_of

_NAME = re.compile(r"\[AVFoundation.*?\[(\d+)\] (.+)$")
_DSHOW_NAME = re.compile(r'"([^"]+)" \(video\)')
_V4L2_MODES = re.compile(r"(Raw|Compressed)\s*:\s*(\S+)\s*:.*? :((?: \d+x\d+)+)")
_DSHOW_MODE = re.compile(r"max s=(\d+x\d+) fps=([\d.]+)")
_AVFOUNDATION_MODE = re.compile(r"(\d+x\d+)@\[[\d.]+ ([\d.]+)\]fps")

ADD_TO_GROUP = "sudo usermod -aG video $USER, then log in again"


def camera_findings(root: Path = Path("/")) -> list[Finding]:
    """Return a finding for each camera, or one that says that there is none.

    Args:
        root: where Linux' /dev and /sys are.
    """
    if sys.platform.startswith("linux"):
        found = [_linux(device) for device in video_devices(root) if _is_camera(device)]
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
        if match := _V4L2_MODES.search(line):
            for size in match[3].split():
                found[size] = " ".join(filter(None, [found.get(size), match[2]]))
        for size, rate in _DSHOW_MODE.findall(line) + _AVFOUNDATION_MODE.findall(line):
            found[size] = f"{float(rate):g}/s"
    largest = sorted(found, key=lambda size: [-int(side) for side in size.split("x")])
    return ", ".join(f"{size} {found[size]}" for size in largest)


def _is_camera(device: VideoDevice) -> bool:
    return device.captures and device.driver != "v4l2 loopback"


def _linux(device: VideoDevice) -> Finding:
    number = device.path.name.removeprefix("video")
    name = f"camera:{number} {device.name}"
    if not device.permitted:
        return Finding("camera", "wrong", f"{name}: may not be used by you", ADD_TO_GROUP)
    return Finding("camera", "ok", f"{name}{_modes(str(device.path))}")


def _modes(name: str) -> str:
    if sys.platform.startswith("linux"):
        arguments = ["-f", "v4l2", "-list_formats", "all", "-i", name]
    elif sys.platform == "darwin":
        # a rate that no camera has makes it list those that it has
        arguments = ["-f", "avfoundation", "-framerate", "1000", "-i", f"{name}:none"]
    else:
        arguments = ["-f", "dshow", "-list_options", "true", "-i", f"video={name}"]
    told = modes(log_of(arguments))
    return f" ({told})" if told else ""


def _device_log() -> list[str]:
    kind, nothing = ("avfoundation", "") if sys.platform == "darwin" else ("dshow", "dummy")
    return log_of(["-f", kind, "-list_devices", "true", "-i", nothing])
