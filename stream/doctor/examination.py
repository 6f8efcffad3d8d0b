"""A look at this system: what maskcast can use, what is missing, and what mends it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from segmentation.errors import WeightsError
from segmentation.loading import FETCH_ONE
from segmentation.pip_command import OPENCV_LIBRARIES, install_extra, pip_install
from segmentation.processors import num_processors
from segmentation.runtime.devices import gpu_present, gpu_usable
from segmentation.runtime.openvino_network import openvino_devices
from segmentation.weights.bundled_weights import BUNDLED
from segmentation.weights.store import listing, locate
from stream.display import leave_events_to_qt, why_no_window
from stream.doctor.camera_portal import camera_portal_findings
from stream.doctor.cameras import camera_findings
from stream.doctor.encoders import encoder_findings
from stream.doctor.finding import Finding
from stream.doctor.microphones import microphone_findings
from stream.doctor.virtual_camera import virtual_camera_findings
from stream.errors import StreamError
from stream.ffmpeg.process import executable
from stream.ffmpeg.process import listing as ffmpeg_listing

_NVIDIA_VERSION = Path("/proc/driver/nvidia/version")


def examine() -> Iterator[Finding]:
    """Look at everything in turn; a look that fails is a finding of its own."""
    looks: dict[str, Callable[[], list[Finding]]] = {
        "system": _system,
        "camera": camera_findings,
        "microphone": microphone_findings,
        "virtual camera": virtual_camera_findings,
        "camera portal": camera_portal_findings,
        "display": _display,
        "ffmpeg": _ffmpeg,
        "encoder": encoder_findings,
        "backend": _backends,
        "gpu": _gpu,
        "weights": _weights,
    }
    for topic, look in looks.items():
        try:
            yield from look()
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            yield Finding(topic, "wrong", f"cannot be looked at ({text})")


def _cores() -> str:
    there, usable = os.cpu_count() or 1, num_processors()
    return f"{there} cores" if usable == there else f"{usable} of {there} cores"


def _system() -> list[Finding]:
    text = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    packages = [f"{name} {_installed(name)}" for name in ("numpy", "opencv-python")]
    found = [Finding("system", "ok", ", ".join([text, _cores(), *packages]))]
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        text = f"OpenCV cannot be loaded ({' '.join(str(error).split())})"
        found.append(Finding("system", "wrong", text, OPENCV_LIBRARIES))
    return found


def _display() -> list[Finding]:
    reason = why_no_window()
    if reason is None:
        if leave_events_to_qt():
            return [Finding("display", "ok", "windows can be shown")]
        text = "windows can be shown; without libX11-xcb one may stay black, or miss a key"
        return [Finding("display", "missing", text, "on Debian and Ubuntu apt install libx11-xcb1")]
    if reason != "there is no display":
        return [Finding("display", "wrong", reason, "log in at the screen")]
    given = os.environ.get("DISPLAY")
    if given:
        text = f"DISPLAY is {given}, where no X server answers"
        return [Finding("display", "wrong", text, "log in at the screen, or: unset DISPLAY")]
    return [Finding("display", "missing", "none, so no window", "write to a file: -o out.mp4")]


def _ffmpeg() -> list[Finding]:
    remedy = pip_install("--force-reinstall", "imageio-ffmpeg")
    try:
        path, version = executable(), ffmpeg_listing("-version").split("\n")[0]
    except StreamError as error:
        return [Finding("ffmpeg", "wrong", str(error), remedy)]
    short = re.sub(r"^ffmpeg version (\S+).*", r"\1", version)
    return [Finding("ffmpeg", "ok", f"{short}, {path}")]


def _backends() -> list[Finding]:
    version = _installed("openvino")
    try:
        devices = openvino_devices()
    except (ImportError, RuntimeError) as error:
        text = f"OpenVINO {version or ''} cannot be loaded ({' '.join(str(error).split())})"
        found = [Finding("backend", "wrong", text, pip_install("--force-reinstall", "openvino"))]
    else:
        found = [Finding("backend", "ok", f"OpenVINO {version} ({', '.join(devices)})")]
    keras, tensorflow = _installed("keras"), _installed("tensorflow")
    if keras and tensorflow:
        text = f"Keras {keras} on TensorFlow {tensorflow}"
        return [*found, Finding("backend", "ok", text)]
    text = "Keras and TensorFlow, for networks with weights of their own, and for GPUs"
    return [*found, Finding("backend", "missing", text, install_extra("mask-rcnn"))]


def _gpu() -> list[Finding]:
    if not gpu_present():
        return [Finding("gpu", "ok", "no NVIDIA GPU; networks run on the processor")]
    name = "an NVIDIA GPU"
    if _NVIDIA_VERSION.exists():
        version = re.search(r"Kernel Module\D*([\d.]+)", _NVIDIA_VERSION.read_text())
        name += f", driver {version[1]}" if version else ""
    if gpu_usable():
        return [Finding("gpu", "ok", f"{name}, which Keras can use")]
    text = f"{name}, which Keras cannot use"
    return [Finding("gpu", "wrong", text, f"{install_extra('gpu')}, and check nvidia-smi")]


def _weights() -> list[Finding]:
    names = " and ".join(each.name for each in BUNDLED)
    found = [Finding("weights", "ok", f"{names}, in the package")]
    rows = listing()
    for row in rows:
        if row.path is None:
            continue
        try:
            locate(row.preset)
        except WeightsError as error:
            remedy = f"run.py models fetch {row.preset.name}"
            found.append(Finding("weights", "wrong", str(error), remedy))
        else:
            found.append(Finding("weights", "ok", f"{row.preset.name}, {row.path}"))
    if not any(row.path for row in rows):
        text = "of networks that find other things than people"
        found.append(Finding("weights", "missing", text, FETCH_ONE))
    return found


def _installed(package: str) -> str | None:
    """Return the version of a package, `None` where it is not installed; loads nothing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
