"""The webcam source against a device that can be unplugged."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

import stream.pauses
import stream.sources.camera
from effects import Mask
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.cameras import devices
from stream.errors import StreamError
from stream.looks.look import Look
from stream.pipeline import Pipeline
from stream.sources import open_source
from stream.sources.camera import Camera
from stream.stats import Stats
from tests.stand_ins.devices.fake_camera import Device, noisy
from tests.stand_ins.fakes import Oracle


@pytest.fixture
def device(monkeypatch, tmp_path):
    monkeypatch.setattr(devices, "ROOT", tmp_path)  # whose cameras are not looked at
    monkeypatch.setattr(cv2, "VideoCapture", Device)
    monkeypatch.setattr(stream.pauses, "PAUSES_S", (0.001, 0.002))
    monkeypatch.setattr(stream.sources.camera, "FIRST_S", 0.2)
    monkeypatch.setattr(stream.sources.camera, "FAILING_S", 0.1)
    Device.settings = []
    return Device


def test_camera_asks_for_mjpg_before_the_size_and_reports_the_mode(device):
    device.openings = [noisy(3)]
    with Camera(0, lambda text: None) as camera:
        assert (camera.info.width, camera.info.height, camera.info.live) == (64, 48, True)
        assert str(camera.mode) == "64x48, 30 frames/s, MJPG"
    keys = [key for key, _ in device.settings]
    assert keys.index(cv2.CAP_PROP_FOURCC) < keys.index(cv2.CAP_PROP_FRAME_WIDTH)
    assert device.settings[0][1] == cv2.VideoWriter.fourcc(*"MJPG")


def test_mode_really_set_is_told(device):
    device.openings = [noisy(3)]
    told: list[str] = []
    with open_source("camera:2", on_message=told.append) as source:
        assert source.info.live
    assert told == ["camera 2: 64x48, 30 frames/s, MJPG"]


def test_missing_camera_is_one_line(device):
    device.openings = []
    with pytest.raises(StreamError, match="camera 3: cannot be opened"):
        Camera(3, lambda text: None)


def test_frames_are_rgb(device):
    blue = np.zeros((48, 64, 3), np.uint8)
    blue[..., 0] = 255
    device.openings = [[*noisy(1), blue]]
    with Camera(0, lambda text: None) as camera:
        frame = next(iter(camera))
    assert (frame.image == (0, 0, 255)).all()


def test_unplugged_camera_is_opened_again_and_says_so(device):
    device.openings = [noisy(4), [], [], noisy(6)]
    told: list[str] = []
    with Camera(0, told.append) as camera:
        frames = list(itertools.islice(camera, 6))
    assert [frame.index for frame in frames] == list(range(6))
    assert [frame.take for frame in frames] == [0, 0, 0, 1, 1, 1]
    assert told == ["camera 0: lost, trying to open it again", "camera 0: back"]


def test_reads_that_fail_now_and_then_lose_their_frames_alone(device):
    images = noisy(9)
    device.openings = [[images[0], None, images[1], None, None, None, *images[2:]], noisy(9)]
    told: list[str] = []
    with Camera(0, told.append) as camera:
        frames = list(itertools.islice(camera, 8))
    assert [frame.take for frame in frames] == [0] * 8
    for frame, image in zip(frames, images[1:], strict=True):
        assert (frame.image == image[..., ::-1]).all()
    assert told == []


def test_a_slow_camera_may_begin_with_nothing(device):
    device.openings = [[None, None, None, *noisy(4)], [], [None, None, *noisy(4)]]
    with Camera(0, lambda text: None) as camera:
        assert [frame.take for frame in itertools.islice(camera, 5)] == [0, 0, 0, 1, 1]


def test_a_camera_that_gives_nothing_is_one_line(device):
    device.openings = [[None] * 100_000]
    with pytest.raises(StreamError, match="camera 3: cannot be opened"):
        Camera(3, lambda text: None)


def test_another_size_is_fitted_and_told_once(device):
    upright = [np.full((48, 24, 3), 200 + number, np.uint8) for number in range(4)]
    device.openings = [[*noisy(2), *upright], noisy(2), upright]
    told: list[str] = []
    with Camera(0, told.append) as camera:
        frames = list(itertools.islice(camera, 8))
    assert [frame.take for frame in frames] == [0, 0, 0, 0, 0, 1, 2, 2]
    for frame in frames:
        assert frame.image.shape == (48, 64, 3)
        bars = np.concatenate([frame.image[:, :20], frame.image[:, 44:]], axis=1)
        assert (bars == 0).all() == (frame.image[:, 20:44] >= 200).all()
    assert [line for line in told if "x" in line] == [
        "camera 0: its pictures are 24x48 now, fitted into 64x48"
    ]


def test_other_pixels_after_coming_back_are_the_same_colours(device):
    colour = np.full((48, 64, 4), (10, 20, 30, 255), np.uint8)
    grey = np.full((48, 64), 77, np.uint8)
    device.openings = [noisy(2), [colour, colour.copy()], [grey, grey[..., None]]]
    with Camera(0, lambda text: None) as camera:
        first, second, third = itertools.islice(camera, 3)
    assert first.image.shape == second.image.shape == third.image.shape
    assert (second.image == (30, 20, 10)).all()
    assert (third.image == 77).all()


def test_driver_that_repeats_its_last_picture_counts_as_lost(device):
    stuck = noisy(1) * 100
    device.openings = [[*noisy(3), *stuck], noisy(9)]
    told: list[str] = []
    with Camera(0, told.append) as camera:
        frames = list(itertools.islice(camera, 2 + stream.sources.camera.MAX_REPEATS + 5))
    assert any(frame.take for frame in frames)
    assert told[0].startswith("camera 0: lost")


def test_a_closed_shutter_is_no_lost_camera_once_it_was_opened_again(device):
    closed = [np.full_like(noisy(1)[0], 16)]
    repeats = stream.sources.camera.MAX_REPEATS
    device.openings = [noisy(2) + closed * 200, closed * 200 + noisy(3), noisy(9)]
    told: list[str] = []
    with Camera(0, told.append) as camera:
        frames = list(itertools.islice(camera, repeats + 203))
    assert told == ["camera 0: lost, trying to open it again", "camera 0: back"]
    assert frames[-1].take == 1
    assert frames[-1].image.std() > 1


def test_interrupt_ends_the_wait_for_a_lost_camera(device, monkeypatch):
    monkeypatch.setattr(stream.pauses, "PAUSES_S", (60.0,))
    device.openings = [noisy(2)]
    camera = Camera(0, lambda text: camera.interrupt())
    with camera:
        assert len(list(camera)) == 1


def test_reopened_camera_shows_nothing_of_the_old_mask(device):
    """The first picture after the gap is treated as the first of all."""
    device.openings = [noisy(3), noisy(3)]
    pipeline = Pipeline(
        PerFrameTracker(Oracle(fails=lambda call: call == 2), lambda error: None),
        Refiner(blend=True),
        Look(Mask()),
        stats=Stats(),
    )
    with Camera(0, lambda text: None) as camera:
        outputs = [pipeline.process(frame) for frame in itertools.islice(camera, 3)]
    assert outputs[2].frame.take == 1
    assert (outputs[2].image == 0).all()
