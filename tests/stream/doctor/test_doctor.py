"""What `run.py doctor` says of systems that have this and lack that."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import run
from segmentation.errors import WeightsError
from segmentation.pip_command import install_extra
from stream.doctor import cameras, examination, virtual_camera
from stream.doctor.cameras import avfoundation_names, camera_findings, dshow_names, modes
from stream.doctor.finding import Finding
from stream.doctor.v4l2 import VideoDevice, parse_capability, video_devices
from stream.doctor.virtual_camera import LOAD, virtual_camera_findings
from stream.errors import StreamError
from stream.ffmpeg.process import executable
from tests.folders import ROOT

CAPTURE, OUTPUT = 1, 2


# === The whole command ===


def test_findings_on_this_system_are_right():
    done = subprocess.run(
        [sys.executable, "run.py", "doctor"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    told = done.stdout
    assert "Traceback" not in done.stderr
    wrong = [line for line in told.splitlines() if line.startswith("wrong ")]
    assert done.returncode == bool(wrong)
    assert executable() in told
    assert "libx264, for --codec h264, .mp4 .m4v .mov .mkv" in told
    assert "OpenVINO 20" in told
    assert "portrait and mask-rcnn-person, in the package" in told
    if not Path("/sys/module/v4l2loopback").exists() and sys.platform == "linux":
        assert LOAD in told
    if not list(Path("/dev").glob("video*")) and sys.platform == "linux":
        assert "missing  camera          none found" in told


def test_exit_code_says_whether_anything_is_wrong(monkeypatch, capsys):
    for state, code in {"ok": 0, "missing": 0, "wrong": 1}.items():
        finding = Finding("thing", state, "is as it is", "mend it")
        monkeypatch.setattr(examination, "examine", lambda finding=finding: iter([finding]))
        assert run.main(["doctor"]) == code
        told = capsys.readouterr().out
        assert told.startswith(f"{state:<8} thing           is as it is\n")
        assert "-> mend it" in told


def test_look_that_fails_is_a_finding(monkeypatch):
    def fail() -> list[Finding]:
        raise OSError("cable\ncut")

    monkeypatch.setattr(examination, "camera_findings", fail)
    findings = [finding for finding in examination.examine() if finding.topic == "camera"]
    assert findings == [Finding("camera", "wrong", "cannot be looked at (cable cut)")]


def test_everything_wrong_has_a_remedy():
    for finding in examination.examine():
        assert bool(finding.remedy) == (finding.state != "ok"), finding
        assert "\n" not in finding.text + finding.remedy


# === Video devices of Linux ===


def capability(driver: str, flags: int) -> bytes:
    return struct.pack(
        "16s32s32sII I12x", driver.encode(), b"Card", b"bus", 6, 0x80000000 | flags, flags
    )


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """A root folder to which devices can be added."""
    drivers: dict[str, bytes | None] = {}
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("stream.doctor.v4l2._query", lambda path: drivers[path.name])
    monkeypatch.setattr(cameras, "log_of", lambda arguments: [])

    def add(number: int, name: str, driver: str | None, flags: int = 0) -> Path:
        folder = tmp_path / f"sys/class/video4linux/video{number}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (tmp_path / "dev").mkdir(exist_ok=True)
        device = tmp_path / f"dev/video{number}"
        device.touch()
        drivers[device.name] = capability(driver, flags) if driver else None
        if driver in ("v4l2 loopback", None):
            (tmp_path / f"sys/devices/virtual/video4linux/video{number}").mkdir(parents=True)
        return device

    return add


def load_module(root: Path, exclusive_caps: str | None = "Y,N,N,N") -> None:
    parameters = root / "sys/module/v4l2loopback/parameters"
    parameters.mkdir(parents=True)
    if exclusive_caps is not None:
        (parameters / "exclusive_caps").write_text(f"{exclusive_caps}\n")


def test_devices_are_read_by_number(tmp_path, linux):
    linux(10, "maskcast", "v4l2 loopback", OUTPUT)
    linux(2, "C920", "uvcvideo", CAPTURE)
    linux(3, "C920 metadata", "uvcvideo", 0x00800000)
    found = video_devices(tmp_path)
    assert [device.path.name for device in found] == ["video2", "video3", "video10"]
    assert found[0] == VideoDevice(tmp_path / "dev/video2", "C920", True, False, "uvcvideo", True)
    assert [device.captures for device in found] == [True, False, False]
    assert [device.takes for device in found] == [False, False, True]


def test_capabilities_are_those_of_the_device_not_of_all_of_the_driver():
    assert parse_capability(capability("uvcvideo", CAPTURE)) == ("uvcvideo", CAPTURE)
    old = struct.pack("16s32s32sII I12x", b"vivi", b"", b"", 0, CAPTURE | OUTPUT, 0)
    assert parse_capability(old) == ("vivi", CAPTURE | OUTPUT)


def test_file_that_is_no_device_is_none(tmp_path):
    (tmp_path / "sys/class/video4linux/video0").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/video0").touch()
    (device,) = video_devices(tmp_path)
    assert (device.captures, device.takes, device.name) == (False, False, "unknown")


def test_cameras_have_names_and_modes(tmp_path, linux, monkeypatch):
    linux(0, "HD Pro Webcam C920", "uvcvideo", CAPTURE)
    linux(1, "C920 metadata", "uvcvideo", 0)
    linux(10, "maskcast", "v4l2 loopback", CAPTURE)
    log = [
        "[video4linux2,v4l2 @ 0x5] [info] Raw       :     yuyv422 :           YUYV 4:2:2 :"
        " 640x480 1920x1080",
        "[video4linux2,v4l2 @ 0x5] [info] Compressed:       mjpeg :          Motion-JPEG :"
        " 640x480 1280x720",
    ]
    monkeypatch.setattr(cameras, "log_of", lambda arguments: log)
    (finding,) = camera_findings(tmp_path)
    assert finding.state == "ok"
    assert finding.text == (
        "camera:0 HD Pro Webcam C920 (1920x1080 yuyv422, 1280x720 mjpeg, 640x480 yuyv422 mjpeg)"
    )


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
    monkeypatch.setattr("stream.doctor.v4l2.os.access", lambda path, mode: False)
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


def test_module_without_devices(tmp_path, linux):
    load_module(tmp_path)
    (finding,) = virtual_camera_findings(tmp_path)
    assert finding.state == "wrong"
    assert "modprobe -r v4l2loopback" in finding.remedy


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


# === The rest ===


def findings(look: str) -> dict[str, str]:
    return {finding.text: finding.state for finding in getattr(examination, look)()}


def test_ffmpeg_that_is_missing(monkeypatch):
    def missing(option: str = "") -> str:
        raise StreamError("ffmpeg: no binary found")

    monkeypatch.setattr(examination, "ffmpeg_listing", missing)
    assert list(findings("_ffmpeg").values()) == ["wrong"]


def test_gpu_that_cannot_be_used(monkeypatch, tmp_path):
    monkeypatch.setattr(examination, "gpu_present", lambda: True)
    monkeypatch.setattr(examination, "gpu_usable", lambda: False)
    version = tmp_path / "version"
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug\n")
    monkeypatch.setattr(examination, "_NVIDIA_VERSION", version)
    text = "an NVIDIA GPU, driver 535.104.05, which Keras cannot use"
    assert findings("_gpu") == {text: "wrong"}
    monkeypatch.setattr(examination, "gpu_usable", lambda: True)
    assert list(findings("_gpu").values()) == ["ok"]
    monkeypatch.setattr(examination, "gpu_present", lambda: False)
    assert list(findings("_gpu").values()) == ["ok"]


def test_backends_that_are_missing(monkeypatch):
    def broken() -> list[str]:
        raise ImportError("libopenvino.so: no such file")

    monkeypatch.setattr(examination, "openvino_devices", broken)
    monkeypatch.setattr(examination, "_installed", lambda name: None)
    assert sorted(findings("_backends").values()) == ["missing", "wrong"]


def test_display(monkeypatch):
    monkeypatch.setattr(examination, "why_no_window", lambda: "there is no display")
    monkeypatch.setenv("DISPLAY", ":987")
    assert list(findings("_display").values()) == ["wrong"]
    monkeypatch.delenv("DISPLAY")
    assert list(findings("_display").values()) == ["missing"]
    monkeypatch.setattr(examination, "why_no_window", lambda: "the display :0 refuses (it is full)")
    assert list(findings("_display").values()) == ["wrong"]
    assert "it is full" in next(iter(findings("_display")))
    monkeypatch.setattr(examination, "why_no_window", lambda: None)
    assert list(findings("_display").values()) == ["ok"]


def test_weights_on_disk(monkeypatch, tmp_path):
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path))
    assert list(findings("_weights").values()) == ["ok", "missing"]
    (tmp_path / "mask_rcnn_coco.h5").write_bytes(b"not it")

    def damaged(preset: object) -> Path:
        raise WeightsError("mask_rcnn_coco.h5: is not the file it should be")

    monkeypatch.setattr(examination, "locate", damaged)
    assert list(findings("_weights").values()) == ["ok", "wrong"]
