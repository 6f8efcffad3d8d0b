"""What `run.py doctor` says of cameras, of virtual ones, and of who has them."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest

from segmentation.pip_command import install_extra
from stream.cameras.devices import VideoDevice, video_devices
from stream.cameras.v4l2 import Capability, parse_capability
from stream.doctor import cameras, virtual_camera
from stream.doctor.camera_portal import LOOK_AGAIN, START, camera_portal_findings
from stream.doctor.cameras import avfoundation_names, camera_findings, dshow_names, modes
from stream.doctor.virtual_camera import LOAD, virtual_camera_findings
from tests.stand_ins.devices.video_kernel import CAPTURE, METADATA, OUTPUT, VideoNode
from tests.stream.cameras.holding import holding

# === Video devices of Linux ===


@pytest.fixture
def linux(kernel):
    """Adds devices to a root folder."""

    def add(number: int, name: str, driver: str | None, flags: int = 0) -> Path:
        return kernel.add(number, VideoNode(name, driver=driver, flags=flags))

    return add


def load_module(root: Path, exclusive_caps: str | None = "Y,N,N,N") -> None:
    parameters = root / "sys/module/v4l2loopback/parameters"
    parameters.mkdir(parents=True)
    if exclusive_caps is not None:
        (parameters / "exclusive_caps").write_text(f"{exclusive_caps}\n")


def test_devices_are_read_by_number(tmp_path, linux):
    linux(10, "maskcast", "v4l2 loopback", OUTPUT)
    linux(2, "C920", "uvcvideo", CAPTURE)
    linux(3, "C920 metadata", "uvcvideo", METADATA)
    found = video_devices(tmp_path)
    assert [device.path.name for device in found] == ["video2", "video3", "video10"]
    assert found[0] == VideoDevice(tmp_path / "dev/video2", "C920", True, False, "uvcvideo", True)
    assert [device.captures for device in found] == [True, False, False]
    assert [device.takes for device in found] == [False, False, True]


def test_capabilities_are_those_of_the_device_not_of_all_of_the_driver():
    whole = 0x80000000 | CAPTURE | METADATA
    told = struct.pack("16s32s32sII I12x", b"uvcvideo", b"C920", b"", 6, whole, CAPTURE)
    assert parse_capability(told) == Capability("uvcvideo", "C920", CAPTURE)
    old = struct.pack("16s32s32sII I12x", b"vivi", b"", b"", 0, CAPTURE | OUTPUT, 0)
    assert parse_capability(old) == Capability("vivi", "", CAPTURE | OUTPUT)


def test_file_that_is_no_device_is_none(tmp_path):
    (tmp_path / "sys/class/video4linux/video0").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/video0").touch()
    (device,) = video_devices(tmp_path)
    assert (device.captures, device.takes, device.name) == (False, False, "unknown")


def test_cameras_have_names_and_modes(tmp_path, kernel, linux):
    formats = {
        "YUYV": {(640, 480): [30, 5], (1920, 1080): [5]},
        "MJPG": {(1280, 720): [30, 15]},
    }
    kernel.add(0, VideoNode("HD Pro Webcam C920", formats))
    linux(1, "C920 metadata", "uvcvideo", METADATA)
    linux(10, "maskcast", "v4l2 loopback", CAPTURE)
    (finding,) = camera_findings(tmp_path)
    assert finding.state == "ok"
    assert finding.text == (
        "camera:0 HD Pro Webcam C920 (YUYV 1920x1080 (5), 640x480 (5-30); MJPG 1280x720 (15-30))"
    )


def test_a_camera_without_a_name_in_the_system_has_that_of_its_driver(tmp_path, kernel):
    kernel.add(0, VideoNode("C920"))
    (tmp_path / "sys/class/video4linux/video0/name").unlink()
    assert [device.name for device in video_devices(tmp_path)] == ["C920"]


def test_who_has_a_camera_is_said(tmp_path, kernel):
    path = kernel.add(0, VideoNode("C920", busy=True))
    (finding,) = camera_findings(tmp_path)
    assert (finding.state, finding.text) == ("wrong", "camera:0 C920: is used by another program")
    with holding(path) as name:
        (finding,) = camera_findings(tmp_path)
        assert finding.text == f"camera:0 C920: is used by {name}"
    kernel.node(0).busy = False
    (finding,) = camera_findings(tmp_path)
    assert finding.state == "ok"


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is permitted to root")
def test_camera_that_is_not_permitted(tmp_path, linux):
    linux(0, "C920", "uvcvideo", CAPTURE).chmod(0)
    (finding,) = camera_findings(tmp_path)
    assert finding.state == "wrong"
    assert "usermod -aG video" in finding.remedy


def test_permission_is_looked_at(tmp_path, linux, monkeypatch):
    linux(0, "C920", "uvcvideo", CAPTURE)
    load_module(tmp_path)
    linux(10, "maskcast", "v4l2 loopback", OUTPUT)
    monkeypatch.setattr("stream.cameras.devices.os.access", lambda path, mode: False)
    camera = camera_findings(tmp_path)[0]
    (virtual,) = virtual_camera_findings(tmp_path)
    for finding in (camera, virtual):
        assert finding.state == "wrong"
        assert finding.remedy == "sudo usermod -aG video $USER, then log in again"


def test_no_camera(tmp_path, linux):
    (finding,) = camera_findings(tmp_path)
    assert (finding.state, finding.text) == ("missing", "none found")


# === Cameras of macOS and Windows, from what ffmpeg prints ===

AVFOUNDATION = """\
[AVFoundation indev @ 0x7f] [info] AVFoundation video devices:
[AVFoundation indev @ 0x7f] [info] [0] FaceTime HD Camera
[AVFoundation indev @ 0x7f] [info] [1] OBS Virtual Camera
[AVFoundation indev @ 0x7f] [info] [2] Capture screen 0
[AVFoundation indev @ 0x7f] [info] AVFoundation audio devices:
[AVFoundation indev @ 0x7f] [info] [0] MacBook Pro Microphone
""".splitlines()
AVFOUNDATION_MODES = """\
[avfoundation @ 0x14] [error] Selected framerate (1000.000000) is not supported by the device.
[avfoundation @ 0x14] [error] Supported modes:
[avfoundation @ 0x14] [error]   640x480@[15.000000 30.000030]fps
[avfoundation @ 0x14] [error]   1280x720@[15.000000 30.000030]fps
""".splitlines()
DSHOW = """\
[dshow @ 000001] [info] "Integrated Camera" (video)
[dshow @ 000001] [info]   Alternative name "@device_pnp_..."
[dshow @ 000001] [info] "OBS Virtual Camera" (video)
[dshow @ 000001] [info] "Microphone Array" (audio)
""".splitlines()
DSHOW_MODES = """\
[dshow @ 000001] [info]   vcodec=mjpeg  min s=1280x720 fps=30 max s=1280x720 fps=30
[dshow @ 000001] [info]   pixel_format=yuyv422  min s=640x480 fps=5 max s=640x480 fps=30
""".splitlines()


def test_lists_of_ffmpeg_are_read():
    assert avfoundation_names(AVFOUNDATION) == ["FaceTime HD Camera", "OBS Virtual Camera"]
    assert modes(AVFOUNDATION_MODES) == "1280x720 30/s, 640x480 30/s"
    assert dshow_names(DSHOW) == ["Integrated Camera", "OBS Virtual Camera"]
    assert modes(DSHOW_MODES) == "1280x720 30/s, 640x480 30/s"
    assert modes([]) == ""


@pytest.mark.parametrize(
    ("platform", "devices", "options", "name"),
    [
        ("darwin", AVFOUNDATION, AVFOUNDATION_MODES, "FaceTime HD Camera"),
        ("win32", DSHOW, DSHOW_MODES, "Integrated Camera"),
    ],
)
def test_cameras_elsewhere(monkeypatch, platform, devices, options, name):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(
        cameras, "log_of", lambda said: devices if "-list_devices" in said else options
    )
    first = camera_findings()[0]
    assert first.text == f"camera:0 {name} (1280x720 30/s, 640x480 30/s)"
    monkeypatch.setattr(cameras, "log_of", lambda said: [])
    (finding,) = camera_findings()
    assert finding.state == "missing"


# === Virtual cameras ===


def test_module_that_is_not_installed(tmp_path, linux):
    (tmp_path / "etc").mkdir()
    for system, command in {
        'ID=ubuntu\nID_LIKE="debian"': "sudo apt install v4l2loopback-dkms",
        "ID=manjaro\nID_LIKE=arch": "sudo pacman -S v4l2loopback-dkms",
        'ID="opensuse-leap"': "sudo zypper install v4l2loopback-kmp-default",
        "ID=unheard-of": "sudo apt install v4l2loopback-dkms",
    }.items():
        (tmp_path / "etc/os-release").write_text(system)
        (finding,) = virtual_camera_findings(tmp_path)
        assert finding.state == "missing"
        assert finding.remedy == f"{command} && {LOAD}"


def test_module_that_is_not_loaded(tmp_path, linux):
    folder = tmp_path / "lib/modules" / os.uname().release / "updates/dkms"
    folder.mkdir(parents=True)
    (folder / "v4l2loopback.ko.xz").touch()
    (finding,) = virtual_camera_findings(tmp_path)
    assert (finding.text, finding.remedy) == ("the module v4l2loopback is not loaded", LOAD)


def test_virtual_camera_that_works(tmp_path, linux):
    load_module(tmp_path)
    linux(0, "C920", "uvcvideo", CAPTURE)
    linux(10, "maskcast", "v4l2 loopback", OUTPUT)
    (finding,) = virtual_camera_findings(tmp_path)
    assert finding.state == "ok"
    assert finding.text.endswith("/dev/video10 maskcast: can be written to, exclusive_caps=1")


@pytest.mark.parametrize(
    ("exclusive_caps", "driver", "flags", "words"),
    [
        ("N,Y", "v4l2 loopback", CAPTURE | OUTPUT, "without exclusive_caps=1"),
        ("0", "v4l2 loopback", CAPTURE | OUTPUT, "without exclusive_caps=1"),
        ("Y", "v4l2 loopback", CAPTURE, "another program is sending to it"),
        ("Y", None, 0, "is used by another program"),
    ],
)
def test_virtual_camera_that_does_not_work(tmp_path, linux, exclusive_caps, driver, flags, words):
    load_module(tmp_path, exclusive_caps)
    linux(10, "maskcast", driver, flags)
    (finding,) = virtual_camera_findings(tmp_path)
    assert finding.state == "wrong"
    assert words in finding.text


def test_who_sends_to_the_virtual_camera_is_said(tmp_path, linux):
    load_module(tmp_path)
    with holding(linux(10, "maskcast", "v4l2 loopback", CAPTURE)) as name:
        (finding,) = virtual_camera_findings(tmp_path)
    assert finding.text.endswith(f"maskcast: {name} is sending to it already")


def test_module_without_devices(tmp_path, linux):
    load_module(tmp_path)
    (finding,) = virtual_camera_findings(tmp_path)
    assert finding.state == "wrong"
    assert "modprobe -r v4l2loopback" in finding.remedy


# === The desktop's way to cameras ===


@pytest.fixture
def desktop(tmp_path, linux, monkeypatch):
    """Adds to a system, one after the other, what the portal needs."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    monkeypatch.delenv("PIPEWIRE_REMOTE", raising=False)

    def add(path: str, text: str = "") -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    return add


def test_the_portal_and_what_it_lacks(tmp_path, desktop, linux):
    def told() -> tuple[str, str]:
        (finding,) = camera_portal_findings(tmp_path)
        return finding.state, finding.remedy

    assert told() == ("ok", "")
    desktop("run/user/1000/pipewire-0")
    state, remedy = told()
    assert (state, "xdg-desktop-portal" in remedy) == ("missing", True)
    desktop("usr/share/dbus-1/services/org.freedesktop.portal.Desktop.service")
    desktop("proc/17/comm", "pipewire\n")
    assert told() == ("wrong", START)
    desktop("proc/18/comm", "wireplumber\n")
    assert told() == ("ok", "")
    linux(10, "maskcast", "v4l2 loopback", OUTPUT)
    assert told() == ("missing", f"once maskcast runs: {LOOK_AGAIN}")


def test_a_virtual_camera_that_is_sent_to_is_seen_by_the_portal(tmp_path, desktop, linux):
    desktop("run/user/1000/pipewire-0")
    desktop("usr/share/dbus-1/services/org.freedesktop.portal.Desktop.service")
    desktop("proc/18/comm", "wireplumber\n")
    linux(10, "maskcast", "v4l2 loopback", CAPTURE)
    assert [finding.state for finding in camera_portal_findings(tmp_path)] == ["ok"]


def test_no_portal_elsewhere(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert camera_portal_findings() == []


# === Virtual cameras elsewhere ===


def test_obs_on_macos(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    (finding,) = virtual_camera_findings(tmp_path)
    assert finding.state == "missing"
    assert "brew install --cask obs" in finding.remedy
    (tmp_path / "Applications/OBS.app").mkdir(parents=True)
    (finding,) = virtual_camera_findings(tmp_path)
    assert finding.state == "ok"


def test_obs_on_windows(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    for there, state in ((True, "ok"), (False, "missing")):
        monkeypatch.setattr(virtual_camera, "_obs_on_windows", lambda there=there: there)
        (finding,) = virtual_camera_findings()
        assert finding.state == state


def test_package_that_is_missing(tmp_path, linux, monkeypatch):
    monkeypatch.setattr(virtual_camera.importlib.util, "find_spec", lambda name: None)
    finding = virtual_camera_findings(tmp_path)[0]
    assert finding.remedy == install_extra("virtualcam")
