"""Recordings and snapshots, begun and ended by keys."""

from __future__ import annotations

import errno
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from stream.errors import StreamError
from stream.ffmpeg.length import length_s
from stream.files.photos import encode_photo, read_photo
from stream.frame import OutputInfo
from stream.live.recorder import MAX_ASIDE, Recorder
from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink
from stream.sources.camera import Camera
from stream.sources.video import VideoSource
from tests.stand_ins.fakes import MovingSquare, output_of, square
from tests.users.desk import shown_message


def test_recording_is_whole_and_begins_and_ends_when_told(desk, tmp_path):
    live = desk("none")
    for index in range(60):
        if index in (20, 40):
            live.press("r")
        live.recorder.write(live.output(index))
    live.recorder.finish(cut_short=False)
    (path,) = tmp_path.glob("maskcast-*.mp4")
    with VideoSource(str(path)) as video:
        frames = list(video)
    assert len(frames) == 20
    assert frames[0].time_s == 0
    assert np.abs(frames[0].image.astype(int) - square(20)).mean() < 8
    assert live.messages == [f"{path.name}: written"]
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize(("live", "take"), [(True, 0), (False, 0), (True, 1)])
def test_pictures_that_a_recording_misses_of_a_camera_are_told(tmp_path, live, take):
    source = replace(MovingSquare().info, live=live)
    told: list[str] = []
    recorder = Recorder(tmp_path, OutputInfo(source), SinkOptions(on_message=told.append))
    for index in (*range(10), *range(60, 70)):
        if index == 4:
            recorder.toggle()
        output = output_of(square(index), index, 100 + index / 25)
        frame = replace(output.frame, take=take if index >= 60 else 0)
        recorder.write(replace(output, frame=frame))
    recorder.finish(cut_short=True)
    (path,) = tmp_path.glob("maskcast-*.mp4")
    why = "are missing: this machine was too slow for them"
    wanted = [f"{path.name}: 2.0 s from 0:00.2 on {why}"]
    wanted.append(f"{path.name}: 50 of 66 pictures {why}")
    goes_on = live and take == 0
    assert [line for line in told if "missing" in line] == (wanted if goes_on else [])


def test_recording_that_runs_at_the_end_is_completed(desk, tmp_path):
    live = desk("none")
    live.press("r")
    for index in range(10):
        live.recorder.write(live.output(index))
    assert live.recorder.recording
    live.recorder.finish(cut_short=True)
    (path,) = tmp_path.glob("maskcast-*.mp4")
    with VideoSource(str(path)) as video:
        assert len(list(video)) == 10


def test_recording_that_runs_when_the_run_fails_is_kept(desk, tmp_path):
    live = desk("none")
    live.press("r")
    for index in range(10):
        live.recorder.write(live.output(index))
    live.recorder.close()
    (path,) = tmp_path.iterdir()
    assert live.messages == [f"{path}: not finished; the first 0.4 s are kept"]
    with VideoSource(str(path)) as video:
        assert len(list(video)) == 10


def test_recording_that_fails_ends_and_is_kept_and_the_stream_goes_on(desk, tmp_path):
    live = desk("none")
    live.press("r")
    for index in range(100):
        live.recorder.write(live.output(index))
    (encoder,) = psutil.Process().children()
    (part,) = tmp_path.iterdir()
    deadline = time.monotonic() + 20
    while length_s(part) is None:
        assert time.monotonic() < deadline
    encoder.kill()
    while live.recorder.recording:
        assert time.monotonic() < deadline
        live.recorder.write(live.output(100))
    live.recorder.write(live.output(101))
    assert not live.recorder.recording
    (message,) = live.messages
    assert "could not be written further (ffmpeg was ended by SIGKILL); the first" in message
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("maskcast-")
    with VideoSource(str(path)) as video:
        assert 10 < len(list(video)) <= 100


def test_recording_that_fails_at_once_is_told_and_leaves_nothing(desk, tmp_path):
    live = desk("none")
    live.press("r")
    live.recorder.write(live.output(0))
    (encoder,) = psutil.Process().children()
    encoder.kill()
    deadline = time.monotonic() + 20
    while live.recorder.recording:
        assert time.monotonic() < deadline
        live.recorder.write(live.output(1))
    (message,) = live.messages
    assert "could not be written (" in message
    assert list(tmp_path.iterdir()) == []


def test_recording_without_a_frame_is_told(desk, tmp_path):
    live = desk("none")
    live.press("r", "r")
    live.recorder.finish(cut_short=False)
    assert "no frames" in live.messages[0]
    assert list(tmp_path.iterdir()) == []


def test_every_snapshot_has_a_file_of_its_own(desk, tmp_path):
    live = desk("mask")
    for index in range(5):
        live.recorder.write(live.output(index))
        live.press("s")
    live.recorder.finish(cut_short=False)
    assert len(list(tmp_path.glob("maskcast-*.png"))) == 5


def test_snapshots_are_what_other_outputs_get(desk, tmp_path):
    live = desk("mask")
    live.press("s")
    assert list(tmp_path.iterdir()) == [], "nothing was shown yet"
    output = live.output()
    live.recorder.write(output)
    live.press("o", "s")
    live.press("s")
    live.recorder.close()
    paths = sorted(tmp_path.glob("maskcast-*.png"))
    assert len(paths) == 2
    for path in paths:
        assert (read_photo(path) == output.image).all()


def test_what_became_of_recordings_is_told_at_the_end_as_well(desk, tmp_path):
    live = desk("none")
    live.press("r")
    live.recorder.write(live.output(0))
    (encoder,) = psutil.Process().children()
    encoder.kill()
    with pytest.raises(StreamError, match="could not be written"):
        live.recorder.finish(cut_short=True)
    assert len(live.messages) == 1


def test_another_recording_can_follow_one_that_failed(desk, tmp_path):
    live = desk("none")
    live.press("r")
    live.recorder.write(live.output(0))
    psutil.Process().children()[0].kill()
    deadline = time.monotonic() + 20
    while live.recorder.recording:
        assert time.monotonic() < deadline
        live.recorder.write(live.output(1))
    live.press("r")
    for index in range(2, 12):
        live.recorder.write(live.output(index))
    with pytest.raises(StreamError, match="could not be written") as error:
        live.recorder.finish(cut_short=True)
    assert ";" not in str(error.value)
    (path,) = tmp_path.glob("maskcast-*.mp4")
    with VideoSource(str(path)) as video:
        assert len(list(video)) == 10


def test_a_recording_ends_whole_before_its_disk_is_full(desk, tmp_path, monkeypatch):
    live = desk("none")
    live.press("r")
    for index in range(10):
        live.recorder.write(live.output(index))
    monkeypatch.setattr("stream.files.disk_space.DiskSpace.is_short", lambda space: True)
    live.recorder.write(live.output(10))
    assert not live.recorder.recording
    (path,) = tmp_path.glob("maskcast-*.mp4")
    assert live.messages == [
        f"{path.name}: ended, because its disk is almost full; what was written until then stays"
    ]
    with VideoSource(str(path)) as video:
        assert len(list(video)) == 10
    live.recorder.write(live.output(11))
    with pytest.raises(StreamError, match="almost full"):
        live.recorder.finish(cut_short=True)


def test_a_snapshot_that_cannot_be_is_told(desk, tmp_path):
    live = desk("none")
    live.press("s")
    assert shown_message(live) == "snapshot: no picture has come yet"
    live.recorder.write(live.output())
    live.recorder.finish(cut_short=False)
    live.press("s")
    assert shown_message(live) == "snapshot: the run is ending"
    assert list(tmp_path.iterdir()) == []


def test_a_camera_that_rests_is_not_photographed_as_it_was(desk, tmp_path):
    camera = Camera.__new__(Camera)
    camera.info, camera._is_on = MovingSquare().info, False
    live = desk("none", source=camera)
    live.recorder.write(live.output())
    live.press("s")
    assert "the camera is off" in shown_message(live)
    live.recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_held_down_fills_no_memory(desk, tmp_path, monkeypatch):
    live, goes_on = desk("none"), threading.Event()

    def slow(*args, **more):
        assert goes_on.wait(30)
        return encode_photo(*args, **more)

    monkeypatch.setattr("stream.live.recorder.encode_photo", slow)
    live.recorder.write(live.output())
    live.press(*"s" * (MAX_ASIDE + 3))
    assert shown_message(live) == "snapshot: those before are still being written"
    live.press("r")
    assert live.messages == ["record: those before are still being completed"]
    goes_on.set()
    live.recorder.finish(cut_short=False)
    assert len(list(tmp_path.glob("*.png"))) == MAX_ASIDE


def test_nobody_ends_a_recording_that_is_being_left(desk, tmp_path, monkeypatch):
    """As the page does, which is there until the run has ended."""
    live = desk("none")
    live.press("r")
    for index in range(10):
        live.recorder.write(live.output(index))
    close = VideoSink.close

    def close_late(video):
        live.recorder.toggle()
        close(video)

    monkeypatch.setattr(VideoSink, "close", close_late)
    live.recorder.close()
    (path,) = tmp_path.iterdir()
    assert live.messages == [f"{path}: not finished; the first 0.4 s are kept"]


def test_a_recording_whose_disk_does_not_answer_holds_nobody_up(desk, tmp_path, monkeypatch):
    monkeypatch.setattr("stream.live.recorder.PATIENCE_S", 0.05)
    live = desk("none")
    output, last = live.output(0), [0.0]
    live.press("r")
    live.recorder.write(output)
    (encoder,) = psutil.Process().children()
    encoder.suspend()

    def write() -> None:
        while live.recorder.recording:
            last[0] = time.monotonic()
            live.recorder.write(output)

    writer = threading.Thread(target=write)
    writer.start()
    while not last[0] or time.monotonic() - last[0] < 0.5:
        time.sleep(0.05)
    for key, what in (("r", "record"), ("s", "snapshot")):
        live.press(key)
        assert shown_message(live) == f"{what}: the recording that runs waits for its disk"
    live.recorder.interrupt()
    writer.join(20)
    assert not writer.is_alive()
    live.recorder.close()
    assert psutil.Process().children() == []


def test_a_folder_that_does_not_answer_is_told(desk, tmp_path, monkeypatch):
    live = desk("none")
    live.recorder.write(live.output())

    def gone(path: Path) -> bool:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr("stream.live.recorder.Path.exists", gone)
    for key, what in (("r", "record"), ("s", "snapshot")):
        live.press(key)
        assert shown_message(live).startswith(f"{what}: {tmp_path}: cannot be written (Transport")
    monkeypatch.undo()
    live.recorder.close()


def test_two_runs_in_one_folder_lose_nothing_of_each_other(desk, tmp_path, monkeypatch):
    both_pressed = threading.Event()

    def encoded(*given, **more):
        both_pressed.wait()
        return encode_photo(*given, **more)

    monkeypatch.setattr("stream.live.recorder.encode_photo", encoded)
    monkeypatch.setattr(time, "strftime", lambda form: "now")
    lives = [desk("none"), desk("none")]
    for live in lives:
        live.press("r")
        live.recorder.write(live.output())
        live.recorder.snapshot()
    both_pressed.set()
    for live in lives:
        live.recorder.finish(cut_short=True)
    names = [f"maskcast-now{end}" for end in ("-2.mp4", "-2.png", ".mp4", ".png")]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    told = [line.rpartition("/")[2] for live in lives for line in live.messages]
    written = [line for line in told if line.endswith(": written")]
    assert sorted(written) == [f"{name}: written" for name in names]
    assert set(told) - set(written) == {"maskcast-now.mp4: exists; written as maskcast-now-2.mp4"}
