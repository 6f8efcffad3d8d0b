"""A camera that is on only while a program reads the virtual camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream.live import on_demand
from stream.opening import open_run
from stream.running.loop import Run, outputs, play
from stream.sources.camera import Camera
from tests.stand_ins.devices.fake_virtual_camera import Device, device_instead
from tests.stand_ins.devices.video_kernel import VideoKernel, VideoNode
from tests.stand_ins.fakes import Oracle

BGR = (10, 10, 200)


class Meeting:
    """A system with a camera and a virtual one, and a program that reads this or does not."""

    def __init__(self, kernel: VideoKernel) -> None:
        kernel.add(0, VideoNode("Webcam", bgr=BGR))
        self.node = VideoNode("maskcast", {}, driver="v4l2 loopback", num_readers=0)
        self.path = kernel.add(10, self.node)
        self.told: list[str] = []

    @contextmanager
    def running(self, *more: str, **options: Any) -> Iterator[tuple[Run, Camera]]:
        """Run the program beside the test, its background none."""
        source = Camera(0, self.told.append)
        addresses = (f"virtualcam:{self.path}", *more)
        options = {
            "segmenter": Oracle(),
            "effect": "none",
            "on_message": self.told.append,
            **options,
        }
        with source, open_run(source, *addresses, **options) as run:
            thread = threading.Thread(target=play, args=(run,))
            thread.start()
            try:
                yield run, source
            finally:
                run.stop.set()
                thread.join()

    def shows_camera(self) -> bool:
        """Return whether what was sent last has the camera's colour, to the noise."""
        return bool(Device.sent) and close_to(Device.sent[-1][1], BGR[::-1], 10)


def close_to(image: np.ndarray, rgb: Sequence[int], off: int) -> bool:
    return bool(np.abs(image.astype(int) - np.array(rgb)).max() <= off)


def becomes(holds: Callable[[], bool], seconds: float = 4.0) -> bool:
    end_s = time.monotonic() + seconds
    while not holds() and time.monotonic() < end_s:
        time.sleep(0.01)
    return holds()


@pytest.fixture
def meeting(kernel: VideoKernel, monkeypatch) -> Meeting:
    device_instead(monkeypatch)
    monkeypatch.setattr(on_demand, "_QUIET_S", 0.3)
    return Meeting(kernel)


def test_the_camera_is_off_until_somebody_reads(meeting: Meeting) -> None:
    with meeting.running() as (run, source):
        assert becomes(lambda: not source.is_on)
        num_read = run.stats.counts["read"]
        before = len(Device.sent)
        time.sleep(1.2)
        assert run.stats.counts["read"] == num_read
        assert 1 <= len(Device.sent) - before <= 2, "a picture a second"
        assert not meeting.shows_camera()
        began_s = time.monotonic()
        meeting.node.num_readers = 1
        assert becomes(meeting.shows_camera)
        assert time.monotonic() - began_s < 1.5
        assert source.is_on
        meeting.node.num_readers = 0
        assert becomes(lambda: not source.is_on)
        assert becomes(lambda: not meeting.shows_camera())
    on, off = "the camera is on", "the camera is off; --always-on leaves it on"
    said = [line.split(", ", 1)[1] for line in meeting.told if "reads it" in line]
    assert said == [off, on, off]


def test_it_is_on_for_whoever_looks_on_or_records(meeting: Meeting, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    attended: list[Any] = []
    with meeting.running(attend=lambda *given: attended.extend(given)) as (_, source):
        control, preview = attended
        assert becomes(lambda: not source.is_on)
        preview.come()
        assert becomes(meeting.shows_camera)
        preview.go()
        assert becomes(lambda: not source.is_on)
        control.ask("record", True)
        assert becomes(meeting.shows_camera)
        control.ask("record", False)
        assert becomes(lambda: not source.is_on)
    assert "virtualcam: somebody looks on, the camera is on" in meeting.told
    assert len(list(tmp_path.glob("maskcast-*.mp4"))) == 1


def test_a_program_that_opens_it_anew_does_not_turn_it_off(meeting: Meeting, monkeypatch) -> None:
    monkeypatch.setattr(on_demand, "_QUIET_S", 1.0)
    meeting.node.num_readers = 1
    with meeting.running() as (_, source):
        assert becomes(meeting.shows_camera)
        meeting.node.num_readers = 0
        time.sleep(0.5)
        meeting.node.num_readers = 1
        time.sleep(1.0)
        assert source.is_on
    assert not any("no program" in line for line in meeting.told)


def test_what_is_covered_is_no_picture_of_the_room(meeting: Meeting, monkeypatch) -> None:
    """Its last picture stays, of which only colours can be recognised, until the next is there."""
    meeting.node.num_readers = 1
    with meeting.running(effect="replace=#00ff00") as (_, source):
        assert becomes(lambda: bool(Device.sent) and np.ptp(Device.sent[-1][1]) > 200)
        meeting.node.num_readers = 0
        assert becomes(lambda: not source.is_on)
        time.sleep(0.2)
        resting_from = len(Device.sent)
        meeting.node.num_readers = 1
        assert becomes(lambda: source.is_on)
        time.sleep(0.5)
    for _, image in Device.sent[resting_from:]:
        assert not close_to(image, BGR[::-1], 10)


@pytest.mark.parametrize("more", [("null:",), ("out.mkv",)])
def test_whoever_else_sees_it_keeps_it_on(
    meeting: Meeting, more: tuple[str, ...], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with meeting.running(*more) as (_, source):
        time.sleep(1.0)
        assert source.is_on
        assert meeting.shows_camera()


def test_a_program_that_takes_the_outputs_keeps_it_on(meeting: Meeting) -> None:
    source = Camera(0, meeting.told.append)
    address = f"virtualcam:{meeting.path}"
    options = {"segmenter": Oracle(), "effect": "none", "on_message": meeting.told.append}
    with source, open_run(source, address, **options) as run:
        end_s = time.monotonic() + 1.0
        too_long = threading.Timer(5, run.stop.set)  # of a camera that rests nothing comes
        too_long.start()
        images = []
        for output in outputs(run):
            images.append(output.image)
            if time.monotonic() > end_s:
                break
        too_long.cancel()
        assert source.is_on
        assert close_to(images[-1], BGR[::-1], 10)


def test_always_on(meeting: Meeting) -> None:
    with meeting.running(always_on=True) as (_, source):
        time.sleep(1.0)
        assert source.is_on
        assert meeting.shows_camera()


def test_a_run_that_rests_ends_at_once(meeting: Meeting) -> None:
    with meeting.running() as (_, source):
        assert becomes(lambda: not source.is_on)
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 1.0


def test_where_it_cannot_be_known_the_camera_stays_on(meeting: Meeting, monkeypatch) -> None:
    def fail(self: object) -> bool:
        raise ValueError("no answer")

    monkeypatch.setattr(on_demand.Readers, "are_there", fail)
    with meeting.running() as (_, source):
        assert becomes(meeting.shows_camera)
        assert source.is_on
    assert any("not known who reads it (no answer)" in line for line in meeting.told)
