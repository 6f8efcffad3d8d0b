"""What `run.py doctor` says of systems that have this and lack that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import run
from segmentation.errors import WeightsError
from stream.doctor import examination
from stream.doctor.finding import Finding
from stream.doctor.virtual_camera import LOAD
from stream.errors import StreamError
from stream.ffmpeg.process import executable
from tests.folders import ROOT

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
    for is_there, finding in ((True, "ok"), (False, "missing")):
        monkeypatch.setattr(examination, "leave_events_to_qt", lambda is_there=is_there: is_there)
        assert list(findings("_display").values()) == [finding]


def test_weights_on_disk(monkeypatch, tmp_path):
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path))
    assert list(findings("_weights").values()) == ["ok", "missing"]
    (tmp_path / "mask_rcnn_coco.h5").write_bytes(b"not it")

    def damaged(preset: object) -> Path:
        raise WeightsError("mask_rcnn_coco.h5: is not the file it should be")

    monkeypatch.setattr(examination, "locate", damaged)
    assert list(findings("_weights").values()) == ["ok", "wrong"]
