"""What the command line asks of a camera."""

from __future__ import annotations

from pathlib import Path

import pytest

import run
from stream.sources.camera import Camera
from tests.command_line.failing import failing
from tests.stand_ins.devices.video_kernel import VideoKernel, VideoNode

VGA, SMALL = (64, 48), (32, 24)


def test_options_reach_the_camera(kernel: VideoKernel, capfd, monkeypatch) -> None:
    both = {"MJPG": {VGA: [30]}, "YUYV": {VGA: [30], SMALL: [30, 15]}}
    path = kernel.add(4, VideoNode("HD Pro Webcam C920", both))
    monkeypatch.setattr(Camera, "__iter__", lambda camera: iter(()))  # it has no end otherwise
    options = ("--camera-size", "32x24", "--camera-fps", "15", "--camera-format", "yuyv")
    assert run.main(["camera:c920", *options, "-o", "null:"]) == 0
    assert f"camera c920 ({path}): 32x24, 15 frames/s, YUYV\n" in capfd.readouterr().err


@pytest.mark.parametrize(
    "option", [("size", "1280x720"), ("fps", "30"), ("format", "mjpg")], ids=lambda each: each[0]
)
@pytest.mark.parametrize("more", [[], ["--split", "1"]], ids=["", "in parts"])
def test_other_sources_are_asked_for_nothing(
    capfd, tmp_path: Path, option: tuple[str, str], more: list[str]
) -> None:
    name, value = option
    line = failing(capfd, 2, "demo:", f"--camera-{name}", value, "-o", "null:", *more)
    assert line == f"error: --camera-{name}: demo: is no camera"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--camera-size", "720p", "a size such as 1280x720, got '720p'"),
        ("--camera-fps", "0", "a rate such as 25 or 30000/1001"),
        ("--camera-format", "motion-jpeg", "a format such as mjpg or yuyv, got 'motion-jpeg'"),
    ],
)
def test_what_is_no_size_rate_or_format(capfd, option: str, value: str, words: str) -> None:
    with pytest.raises(SystemExit) as exit:
        run.main(["0", option, value])
    assert exit.value.code == 2
    assert words in capfd.readouterr().err


def test_names_that_fit_none_end_the_program_with_one_line(kernel: VideoKernel, capfd) -> None:
    kernel.add(0, VideoNode("C920"))
    line = failing(capfd, 1, "camera:brio", "-o", "null:")
    assert line.startswith("error: camera:brio: no camera is called so; there is camera:0 (C920")
