"""The virtual camera against pyvirtualcam's own interface for devices."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import stream.sinks.virtual_camera
from effects import Replace
from segmentation.refinement.refiner import Refiner
from segmentation.tracking.per_frame_tracker import PerFrameTracker
from stream.errors import StreamError
from stream.frame import Frame, Output, OutputInfo, StreamInfo
from stream.looks.look import Look
from stream.pipeline import Pipeline
from stream.running.loop import Run, play
from stream.sinks import SinkOptions, open_sink
from stream.sinks.virtual_camera import VirtualCamera, cover
from stream.stats import Stats
from tests.stand_ins.devices.fake_virtual_camera import Device, device_instead, pyvirtualcam
from tests.stand_ins.fakes import PERSON, ROOM, MovingSquare, Oracle, output_of, square

BLUE = np.full((1, 1, 3), (10, 20, 250), np.uint8)
INFO = OutputInfo(StreamInfo(64, 48, Fraction(25), live=True))


@pytest.fixture(autouse=True)
def device(monkeypatch) -> Iterator[None]:
    device_instead(monkeypatch)
    threads = threading.active_count()
    yield
    assert threading.active_count() == threads


def output(image: np.ndarray, index: int = 0) -> Output:
    return output_of(image, index, index / 25)


def camera(info: OutputInfo = INFO, device: str = "") -> VirtualCamera:
    return VirtualCamera(device, info, SinkOptions())


def sent() -> list[np.ndarray]:
    return [image for _, image in Device.sent]


def test_size_and_rate_are_those_of_the_source():
    told: list[str] = []
    options = SinkOptions(on_message=told.append)
    with open_sink("virtualcam:/dev/video3", INFO, options):
        pass
    rgb = pyvirtualcam.camera.encode_fourcc(pyvirtualcam.PixelFormat.RGB.value)
    assert Device.made == {"width": 64, "height": 48, "fps": 25, "fourcc": rgb}
    assert told == ["virtualcam: other programs find it as /dev/video3"]
    assert Device.closed


def test_every_new_picture_is_sent_at_once():
    """Those that waited for the camera's beat, a second, would be overtaken by the next."""
    with camera(replace(INFO, stream=replace(INFO.stream, fps=Fraction(1)))) as sink:
        for index in range(10):
            sink.write(output(square(index), index))
            time.sleep(0.1)
    for index in range(10):
        assert any((image == square(index)).all() for image in sent()), index


def test_camera_is_steady_while_nothing_comes():
    with camera() as sink:
        sink.write(output(square(3)))
        time.sleep(1)
    times = np.array([at for at, _ in Device.sent])
    assert 18 <= len(times) <= 28
    assert np.median(np.diff(times)) == pytest.approx(0.04, abs=0.006)
    assert (Device.sent[-1][1] == square(3)).all()


def test_camera_is_steady_before_the_first_picture_and_shows_nothing():
    with camera():
        time.sleep(0.3)
    assert len(Device.sent) >= 5
    assert all(len(np.unique(image)) == 1 for image in sent())


def test_picture_is_covered_when_the_source_is_gone(monkeypatch):
    monkeypatch.setattr(stream.sinks.virtual_camera, "COVER_AFTER_S", 0.4)
    with camera() as sink:
        sink.write(output(square(3)))
        time.sleep(0.8)
        covered = sent()[-1]
        sink.write(output(square(4)))
        time.sleep(0.1)
        back = sent()[-1]
    assert not (covered == square(3)).all(axis=2).any()
    assert np.abs(np.diff(covered.astype(int), axis=1)).max() < 40, "no edge is left"
    assert (back == square(4)).all()


def test_cover_leaves_nothing_to_recognise():
    text = np.zeros((480, 640, 3), np.uint8)
    text[::8] = 255
    assert np.ptp(cover(text)[60:-60]) < 60


def test_file_is_shown_at_its_own_pace():
    with camera(OutputInfo(StreamInfo(64, 48, Fraction(25)))) as sink:
        began = time.monotonic()
        for index in range(13):
            sink.write(output(square(index), index))
        assert time.monotonic() - began > 11 / 25


def test_a_frame_that_is_far_off_is_not_waited_for_at_the_end():
    with camera(OutputInfo(StreamInfo(64, 48, Fraction(1, 600)))) as sink:
        sink.write(output(square(0), 0))
        ending = threading.Timer(0.1, sink.interrupt)
        ending.start()
        with pytest.raises(StreamError, match="interrupted"):
            sink.write(output(square(1), 600 * 25))
        ending.join()


def test_odd_sizes_and_transparency():
    info = OutputInfo(StreamInfo(65, 49, Fraction(25), live=True), has_alpha=True)
    image = np.full((49, 65, 4), 200, np.uint8)
    image[:, 32:, 3] = 0
    with camera(info) as sink:
        sink.write(output(image))
        time.sleep(0.1)
    assert Device.sent[-1][1].shape == (48, 64, 3)
    assert (Device.sent[-1][1][:, 32:] == 0).all(), "what is cut out is not shown"
    assert (Device.sent[-1][1][:, :32] == 157).all()


def test_device_that_is_gone_is_one_line():
    with camera() as sink:
        Device.fails = True
        time.sleep(0.2)
        with pytest.raises(StreamError, match=r"any more \(no such device\)"):
            sink.write(output(square(0)))


def test_device_that_is_busy_is_one_line():
    with pytest.raises(StreamError, match=r"is busy.*run\.py doctor") as caught:
        camera(device="/dev/video7")
    assert "\n" not in str(caught.value)


def test_missing_package_is_one_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyvirtualcam", None)
    with pytest.raises(StreamError, match=r"pip install -e .*\[virtualcam\]"):
        camera()


class Stalling(MovingSquare):
    """A camera that gives nothing for a while."""

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            if frame.index == 10:
                time.sleep(0.6)
            yield frame


class Slow(Oracle):
    """A network that hangs once."""

    def segment(self, images):
        if len(self.seen) == 20:
            time.sleep(0.6)
        return super().segment(images)


def test_meeting_sees_a_steady_camera_and_never_the_room():
    """While the camera stalls, the network hangs, and the network fails."""
    stats = Stats()
    fails = Slow(fails=lambda call: call in range(25, 32))
    pipeline = Pipeline(
        PerFrameTracker(fails, lambda error: None),
        Refiner(blend=True),
        Look(Replace(BLUE)),
        stats=stats,
    )
    with Stalling(60, live=True, pause_s=0.04) as source, camera() as sink:
        play(Run(source, pipeline, {"virtualcam:": sink}, stats))
    times = np.array([at for at, _ in Device.sent])
    assert np.percentile(np.diff(times), 95) < 0.08
    assert len(times) > 25 * 3.2 * 0.8, "the stalls were filled"
    assert not any((image == ROOM).all(axis=2).any() for image in sent())
    covered = [image for image in sent() if (image == BLUE).all()]
    assert len(covered) >= 3, "while the network failed"
    assert (sent()[-1][20:28] == PERSON).all(axis=2).any(), "and back"


@pytest.mark.parametrize(
    ("address", "named", "size_wh", "fps"),
    [
        ("", "/dev/video10", (64, 48), 25),
        ("/dev/video3,32x24", "/dev/video3", (32, 24), 25),
        (",128x48@12.5", "/dev/video10", (128, 48), 12.5),
        ("/dev/video3,64x48@30000/1001", "/dev/video3", (64, 48), 30000 / 1001),
    ],
)
def test_size_and_rate_of_its_own(address, named, size_wh, fps):
    with open_sink(f"virtualcam:{address}", INFO, SinkOptions()) as sink:
        assert sink.device == named
        assert (Device.made["width"], Device.made["height"]) == size_wh
        assert Device.made["fps"] == pytest.approx(fps)
        sink.write(output(np.full((48, 64, 3), 200, np.uint8)))
        time.sleep(0.2)
    image = sent()[-1]
    assert image.shape == (*size_wh[::-1], 3)
    assert (image[:, size_wh[0] // 2] == 200).all()
    is_wide = size_wh[0] > 2 * size_wh[1]
    assert (image[:, :30] == 0).all() == is_wide, "black beside what is narrower"


@pytest.mark.parametrize(
    "address",
    [",1280", ",63x48", ",64x48@0", ",64x48@500", ",64x48@1/0", "/dev/video3,1x1,2x2", ","],
)
def test_what_is_no_size_or_rate_is_one_line(address):
    with pytest.raises(StreamError, match=r"must look like .* as in virtualcam:,1280x720@30"):
        open_sink(f"virtualcam:{address}", INFO, SinkOptions())


def test_a_rate_of_its_own_is_a_steady_beat():
    """The newest picture is sent at each beat, however many there are between two."""
    info = replace(INFO, stream=replace(INFO.stream, fps=Fraction(100)))
    began_s = time.monotonic()
    with camera(info, ",64x48@10") as sink:
        for index in range(80):
            sink.write(output(square(index % 30), index))
            time.sleep(0.01)
    num_beats = (time.monotonic() - began_s) * 10
    times = np.array([at for at, _ in Device.sent])
    assert 0.6 * num_beats <= len(times) <= num_beats + 1
    assert len({image.tobytes() for image in sent()}) > 4
