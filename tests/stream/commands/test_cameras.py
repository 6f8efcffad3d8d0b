"""`run.py cameras`: what it prints of cameras, slow ones and those that somebody has."""

from __future__ import annotations

import sys

import pytest

import run
from stream.commands import cameras
from stream.microphone import devices
from tests.stand_ins.devices.video_kernel import METADATA, VideoKernel, VideoNode
from tests.stream.cameras.holding import holding

HD, VGA = (160, 90), (64, 48)  # as it were


@pytest.fixture(autouse=True)
def no_microphones(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's are listed after the cameras."""
    monkeypatch.setattr(devices, "found", list)


def printed(capsys: pytest.CaptureFixture[str], code: int = 0) -> list[str]:
    assert run.main(["cameras"]) == code
    return capsys.readouterr().out.splitlines()


def rate(line: str) -> float:
    """Return the measured rate in a line, which is all that a busy machine may change."""
    return float(line.partition("measured: ")[2].split()[0])


def test_each_has_number_name_path_modes_and_what_it_gives(kernel: VideoKernel, capsys) -> None:
    both = {"MJPG": {HD: [30, 15], VGA: [60]}, "YUYV": {VGA: [30]}}
    path = kernel.add(0, VideoNode("HD Pro Webcam C920", both))
    kernel.add(1, VideoNode("HD Pro Webcam C920", flags=METADATA))
    other = kernel.add(3, VideoNode("Link", {"YUYV": {VGA: [30]}}))
    lines = printed(capsys)
    assert lines[:3] == [
        f"camera:0  HD Pro Webcam C920  {path}",
        "  offers   MJPG 160x90 (15-30), 64x48 (60)",
        "           YUYV 64x48 (30)",
    ]
    assert lines[3].startswith("  gives    160x90, 30 frames/s, MJPG; measured: ")
    assert 0 < rate(lines[3]) < 31
    place = lines.index(f"camera:3  Link  {other}")
    assert lines[place + 1] == "  offers   YUYV 64x48 (30)"
    assert lines[place + 2].startswith("  gives    64x48, 30 frames/s, YUYV; measured: ")


def test_a_slow_format_is_told_with_the_option_to_use(kernel: VideoKernel, capsys) -> None:
    node = VideoNode("C920", {"MJPG": {HD: [30]}, "YUYV": {HD: [30]}}, takes_format=False)
    node.real_fps = {"YUYV": 4}
    kernel.add(0, node)
    *_, given, remedy = printed(capsys)
    assert given.startswith("  gives    160x90, 30 frames/s, YUYV; measured: ")
    assert 0 < rate(given) < 5
    assert remedy == "           -> MJPG at 30 is offered: --camera-format mjpg"


def test_a_camera_that_lies_about_its_rate(kernel: VideoKernel, capsys) -> None:
    kernel.add(0, VideoNode("C920", {"MJPG": {HD: [30]}}, real_fps={"MJPG": 8}))
    *_, given, remedy = printed(capsys)
    assert 0 < rate(given) < 9
    assert "more light may help" in remedy


def test_one_that_ffmpeg_reads(kernel: VideoKernel, capsys) -> None:
    kernel.add(0, VideoNode("C920", {"MJPG": {VGA: [30]}}, by_opencv=False))
    given = printed(capsys)[-1]
    assert "64x48, 30 frames/s, MJPG; read by ffmpeg, as OpenCV cannot; measured: " in given


def test_one_that_another_program_has(kernel: VideoKernel, capsys) -> None:
    path = kernel.add(0, VideoNode("C920", busy=True))
    kernel.add(2, VideoNode("Link"))
    with holding(path) as name:
        lines = printed(capsys)
    assert f"  used by  {name}" in lines
    assert sum("gives" in line for line in lines) == 1


def test_one_that_gives_nothing(kernel: VideoKernel, capsys) -> None:
    kernel.add(0, VideoNode("C920", by_opencv=False, by_ffmpeg=False))
    assert printed(capsys)[-1].startswith(
        "  gives    nothing: cannot be opened; it gives no picture ("
    )


def test_no_camera_is_one_line(kernel: VideoKernel, capsys) -> None:
    assert run.main(["cameras"]) == 1
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "error: no camera found; plug one in\n")


def test_elsewhere_numbers_are_tried(kernel: VideoKernel, capsys, monkeypatch) -> None:
    kernel.add(0, VideoNode("C920"))
    kernel.add(1, VideoNode("Link"))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(cameras, "MEASURED_S", 0.2)
    assert run.main(["cameras"]) == 0
    told = capsys.readouterr()
    assert [line for line in told.out.splitlines() if "camera" in line] == ["camera:0", "camera:1"]
    assert told.out.count("measured") == 2
    assert told.err.count("\n") == 1
    assert "on Linux only" in told.err
