"""Cameras of Linux through OpenCV and ffmpeg: what is asked of them, and which of the two reads."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import stream.pauses
import stream.sources.camera
from stream.cameras.modes import Wanted
from stream.errors import StreamError
from stream.ffmpeg import video4linux
from stream.ffmpeg.process import log_of
from stream.sources import open_source
from stream.sources.camera import Camera
from tests.stand_ins.devices.video_kernel import SMALL, VideoKernel, VideoNode

pytestmark = pytest.mark.usefixtures("nothing_left_over", "impatient")

HD, VGA = (1280, 720), (640, 480)


@pytest.fixture
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(stream.pauses, "PAUSES_S", (0.01,))


def opened(address: str, *wanted: object) -> tuple[Camera, list[str]]:
    told: list[str] = []
    camera = open_source(address, on_message=told.append, camera=Wanted(*wanted))
    assert isinstance(camera, Camera)
    return camera, told


def colours(camera: Camera, num: int = 3) -> list[tuple[int, ...]]:
    """Return the mean colour of the next frames, blue first."""
    frames = list(itertools.islice(camera, num))
    return [tuple(frame.image.mean(axis=(0, 1))[::-1].round().astype(int)) for frame in frames]


def test_size_rate_and_format_are_set(kernel: VideoKernel) -> None:
    kernel.add(
        2, VideoNode("C920", {"MJPG": {HD: [60, 30]}, "YUYV": {HD: [10], VGA: [60, 30, 15]}})
    )
    camera, told = opened("camera:c920", VGA, Fraction(15), "YUYV")
    with camera:
        assert (camera.info.width, camera.info.height, camera.info.fps) == (640, 480, 15)
    path = kernel.root / "dev/video2"
    assert told == [f"camera c920 ({path}): 640x480, 15 frames/s, YUYV"]


def test_what_it_gives_instead_is_one_line(kernel: VideoKernel) -> None:
    kernel.add(0, VideoNode("C920", {"YUYV": {HD: [10], VGA: [30]}}))
    camera, told = opened("0", (1920, 1080), Fraction(60), "MJPG")
    with camera:
        assert str(camera.mode) == "1280x720, 10 frames/s, YUYV"
    assert told == [
        "camera 0: 1280x720, 10 frames/s, YUYV; not 1920x1080, 60 frames/s, MJPG as asked for, "
        "run.py cameras lists what it offers"
    ]


def test_without_wishes_nothing_is_missed(kernel: VideoKernel) -> None:
    kernel.add(0, VideoNode("C920", {"YUYV": {VGA: [30]}}))
    camera, told = opened("0")
    camera.close()
    assert told == ["camera 0: 640x480, 30 frames/s, YUYV"]


@pytest.mark.parametrize("by_opencv", [False, "broken", "raises"])
def test_what_opencv_cannot_read_ffmpeg_does(
    kernel: VideoKernel, monkeypatch, by_opencv: bool | str
) -> None:
    if by_opencv:
        monkeypatch.setattr(stream.sources.camera, "FIRST_S", 3.0)
    path = kernel.add(0, VideoNode("C920", by_opencv=by_opencv, bgr=(200, 100, 40)))
    camera, told = opened("0", (64, 48), Fraction(15))
    with camera:
        (blue, green, red), *_ = colours(camera)
        assert (camera.info.width, camera.info.height, camera.info.live) == (64, 48, True)
    assert abs(blue - 200) + abs(green - 100) + abs(red - 40) < 12
    assert kernel.asked == [(str(path), "MJPG")]
    assert told[0].startswith("camera 0: 64x48, 30 frames/s, MJPG; not 15 frames/s as asked for")
    assert told[0].endswith("; read by ffmpeg, as OpenCV cannot")


def test_a_format_that_opencv_does_not_set_is_read_by_ffmpeg(kernel: VideoKernel) -> None:
    node = VideoNode("C920", {"MJPG": SMALL, "YUYV": SMALL}, takes_format=False)
    kernel.add(0, node)
    camera, told = opened("0", None, None, "MJPG")
    with camera:
        assert camera.mode.format == "MJPG"
        assert len(colours(camera)) == 3
    assert told == ["camera 0: 64x48, 30 frames/s, MJPG; read by ffmpeg, as OpenCV cannot"]


def test_where_neither_sets_it_opencv_reads_what_there_is(kernel: VideoKernel) -> None:
    node = VideoNode("C920", takes_format=False, by_ffmpeg=False)
    kernel.add(0, node)
    camera, told = opened("0", None, None, "MJPG")
    with camera:
        assert len(colours(camera)) == 3
    assert "64x48, 30 frames/s, YUYV; not MJPG as asked for" in told[0]
    assert "ffmpeg" not in told[0]


def test_a_camera_without_mjpg_is_read_by_ffmpeg_as_it_is(kernel: VideoKernel) -> None:
    path = kernel.add(0, VideoNode("Old", {"YUYV": SMALL}, by_opencv=False))
    camera, told = opened("0")
    with camera:
        assert len(colours(camera)) == 3
    assert kernel.asked == [(str(path), "YUYV")]
    assert told == ["camera 0: 64x48, 30 frames/s, YUYV; read by ffmpeg, as OpenCV cannot"]


def test_what_nobody_can_read_is_one_line(kernel: VideoKernel) -> None:
    kernel.add(0, VideoNode("C920", by_opencv=False, by_ffmpeg=False))
    with pytest.raises(StreamError, match="camera 0: cannot be opened; it gives no picture") as one:
        opened("0")
    assert "\n" not in str(one.value)


def test_a_busy_camera_is_one_line(kernel: VideoKernel) -> None:
    kernel.add(0, VideoNode("C920", busy=True))
    with pytest.raises(StreamError, match="it is used by another program: end that"):
        opened("0")


def test_a_camera_read_by_ffmpeg_comes_back_by_ffmpeg(kernel: VideoKernel, monkeypatch) -> None:
    """Its path leads to another number then, as after it was plugged in elsewhere."""
    monkeypatch.setattr(stream.sources.camera, "FIRST_S", 10.0)
    kernel.add(0, VideoNode("C920", by_opencv=False))
    camera, told = opened("camera:c920")
    with camera:
        frames = iter(camera)
        assert next(frames).take == 0
        assert camera._reader is not None
        kernel.remove(0)
        kernel.add(4, VideoNode("C920", by_opencv="broken"))
        camera._reader._decoder.kill()  # type: ignore[attr-defined]
        later = next(frame for frame in frames if frame.take)
    assert later.image.shape == (48, 64, 3)
    assert told[1:] == ["camera c920: lost, trying to open it again", "camera c920: back"]
    assert kernel.asked[-1] == (str(kernel.root / "dev/video4"), "MJPG")


def test_ffmpeg_takes_these_arguments(tmp_path: Path) -> None:
    """The one part that is another here: it fails for want of the device alone."""
    options = video4linux.capture_options(tmp_path / "video0", "MJPG", HD, Fraction(30000, 1001))
    end = ("-frames:v", "1", "-f", "null", "-")
    errors = [line for line in log_of([*options, *end]) if "[error]" in line]
    assert "Cannot open video device" in errors[0]
    assert all("open" in line for line in errors), errors
    # what is looked at only once it is open
    general = options[options.index("-framerate") + 2 : -2]
    log = log_of([*general, "-f", "lavfi", "-i", "color=size=64x48", *end])
    assert general
    assert not any("[error]" in line or "[fatal]" in line for line in log), log


@pytest.mark.parametrize("name", ["YUYV", "NV12", "GREY", "Y16", "RGB3", "422P", "YU12", "BGR4"])
def test_ffmpeg_knows_these_formats_by_these_names(name: str) -> None:
    (_, _, _, pixels, *_) = video4linux.capture_options(Path("x"), name, VGA, Fraction(30))
    frame = ("-f", "lavfi", "-i", "color=size=64x48", "-frames:v", "1")
    assert not any(
        "[error]" in line or "[fatal]" in line
        for line in log_of([*frame, "-pix_fmt", pixels, "-f", "rawvideo", "-y", "/dev/null"])
    )


def test_a_slow_camera_and_one_that_lies_give_what_they_give(kernel: VideoKernel) -> None:
    kernel.add(0, VideoNode("Slow", {"YUYV": {(64, 48): [30]}}, real_fps={"YUYV": 5}))
    camera, told = opened("0")
    with camera:
        times = [frame.time_s for frame in itertools.islice(camera, 4)]
    assert told == ["camera 0: 64x48, 30 frames/s, YUYV"]
    assert np.diff(times).min() > 0.1  # its frames have the times at which they come
