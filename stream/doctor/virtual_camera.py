"""Whether other programs can be given a camera."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from segmentation.pip_command import install_extra
from stream.cameras.choice import ADD_TO_GROUP
from stream.cameras.devices import VideoDevice, video_devices
from stream.cameras.holders import who_uses
from stream.doctor.finding import Finding

TOPIC = "virtual camera"
LOAD = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=maskcast"
_INSTALL = {
    "debian": "sudo apt install v4l2loopback-dkms",
    "ubuntu": "sudo apt install v4l2loopback-dkms",
    "arch": "sudo pacman -S v4l2loopback-dkms",
    "fedora": "sudo dnf install v4l2loopback  (from RPM Fusion)",
    "suse": "sudo zypper install v4l2loopback-kmp-default",
}
_OBS_CLASS = r"CLSID\{A3FCE0F5-3493-419F-958A-ABA1250EC20B}"
_OBS_ON_MACOS = (
    "Applications/OBS.app",
    "Library/CoreMediaIO/Plug-Ins/DAL/obs-mac-virtualcam.plugin",
)


def virtual_camera_findings(root: Path = Path("/")) -> list[Finding]:
    """Return whether `-o virtualcam:` can work, and what is in its way.

    Args:
        root: of the file system.
    """
    found = []
    if importlib.util.find_spec("pyvirtualcam") is None:
        remedy = install_extra("virtualcam")
        found.append(Finding(TOPIC, "missing", "the package pyvirtualcam", remedy))
    if sys.platform.startswith("linux"):
        return found + _linux(root)
    installed = _obs_on_windows() if sys.platform == "win32" else _obs_on_macos(root)
    if installed:
        return [*found, Finding(TOPIC, "ok", "OBS Virtual Camera is installed")]
    remedy = "winget install OBSProject.OBSStudio"
    if sys.platform == "darwin":
        remedy = "brew install --cask obs, then start OBS and its virtual camera once"
    return [*found, Finding(TOPIC, "missing", "OBS, which brings the virtual camera", remedy)]


def _linux(root: Path) -> list[Finding]:
    module = root / "sys/module/v4l2loopback"
    if not module.exists():
        if _is_built(root):
            return [Finding(TOPIC, "missing", "the module v4l2loopback is not loaded", LOAD)]
        text = "the module v4l2loopback is not installed"
        return [Finding(TOPIC, "missing", text, f"{_installer(root)} && {LOAD}")]
    devices = [device for device in video_devices(root) if _is_loopback(device, root)]
    if not devices:
        text = "v4l2loopback is loaded but has no device"
        return [Finding(TOPIC, "wrong", text, f"sudo modprobe -r v4l2loopback && {LOAD}")]
    exclusive = _exclusive_caps(module)
    return [_device(device, exclusive[k : k + 1]) for k, device in enumerate(devices)]


def _device(device: VideoDevice, exclusive: str) -> Finding:
    name = f"{device.path} {device.name}"
    if not device.permitted:
        return Finding(TOPIC, "wrong", f"{name}: may not be written to by you", ADD_TO_GROUP)
    if exclusive == "N":
        text = f"{name}: without exclusive_caps=1, which Chrome and Zoom need to find it"
        return Finding(TOPIC, "wrong", text, f"sudo modprobe -r v4l2loopback && {LOAD}")
    if not (device.takes or device.captures):
        text = f"{name}: is used by {who_uses(device.path)}"
        return Finding(TOPIC, "wrong", text, "end that program")
    if not device.takes:
        text = f"{name}: {who_uses(device.path)} is sending to it already"
        return Finding(TOPIC, "wrong", text, "end that program")
    return Finding(TOPIC, "ok", f"{name}: can be written to, exclusive_caps=1")


def _is_loopback(device: VideoDevice, root: Path) -> bool:
    virtual = root / "sys/devices/virtual/video4linux" / device.path.name
    return device.driver == "v4l2 loopback" or virtual.exists()


def _exclusive_caps(module: Path) -> str:
    """Return a Y or N for each device, "" where the module does not say."""
    try:
        text = (module / "parameters/exclusive_caps").read_text()
    except OSError:
        return ""
    return "".join("Y" if each.strip() in ("Y", "1") else "N" for each in text.split(","))


def _is_built(root: Path) -> bool:
    """Whether the module is there for the kernel that runs."""
    release = os.uname().release
    modules: Iterable[Path] = (root / "lib/modules" / release).rglob("v4l2loopback.ko*")
    return next(iter(modules), None) is not None


def _installer(root: Path) -> str:
    try:
        lines = (root / "etc/os-release").read_text().splitlines()
    except OSError:
        lines = []
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    kinds = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace('"', "").split()
    kinds += ["suse" for kind in kinds if "suse" in kind]
    return next((_INSTALL[kind] for kind in kinds if kind in _INSTALL), _INSTALL["debian"])


def _obs_on_macos(root: Path) -> bool:
    return any((root / path).exists() for path in _OBS_ON_MACOS)


def _obs_on_windows() -> bool:
    if sys.platform != "win32":
        return False
    import winreg

    try:
        winreg.CloseKey(winreg.OpenKey(winreg.HKEY_CLASSES_ROOT, _OBS_CLASS))
    except OSError:
        return False
    return True
