"""Which source or sink an address means, and the sources and sinks that are small."""

from __future__ import annotations

import time
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import stream.live.background
from stream.errors import StreamError
from stream.frame import OutputInfo, StreamInfo
from stream.live.background import LoopingVideo, open_background
from stream.sinks import SinkOptions, open_sink
from stream.sinks.photos import PhotoFile, PhotoFolder
from stream.sinks.video import VideoSink
from stream.sources import local_files, open_source
from stream.sources.demo import Demo
from stream.sources.photos import Photos
from stream.sources.realtime import RealTime
from stream.sources.video import VideoSource
from tests.fakes import MovingSquare, output_of, square

INFO = OutputInfo(StreamInfo(64, 48, Fraction(25)))


def quiet(text: str) -> None:
    raise AssertionError(text)


@pytest.fixture
def clip(tmp_path) -> Path:
    """Ten frames of the moving square, as a video."""
    path = tmp_path / "clip.mkv"
    with VideoSink(path, INFO) as sink:
        for index in range(10):
            image = square(index)
            sink.write(output_of(image, index, index / 25))
        sink.finish(cut_short=False)
    return path


def test_addresses_of_sources(tmp_path, clip):
    cv2.imwrite(str(tmp_path / "b.png"), square(0))
    cv2.imwrite(str(tmp_path / "a.JPG"), square(0))
    (tmp_path / "c").write_bytes((tmp_path / "b.png").read_bytes())
    (tmp_path / "d.jfif").write_bytes((tmp_path / "a.JPG").read_bytes())
    for address, kind in {
        str(clip): VideoSource,
        str(tmp_path / "b.png"): Photos,
        str(tmp_path / "c"): Photos,
        str(tmp_path / "d.jfif"): Photos,
        str(tmp_path): Photos,
        str(tmp_path / "*.png"): Photos,
        "demo:": Demo,
    }.items():
        with open_source(address, on_message=quiet) as source:
            assert type(source) is kind, address
    with open_source(str(tmp_path), on_message=quiet) as source:
        assert [frame.name for frame in source] == ["a.JPG", "b.png"]
    with open_source(str(clip), on_message=quiet, realtime=True) as source:
        assert source.info.live


@pytest.mark.parametrize("address", ["0", "camera:12", "demo:", "rtsp://host/x", "udp://@:1234"])
def test_devices_and_networks_are_no_files(address):
    assert local_files(address) == []


def test_local_files(tmp_path, clip):
    assert local_files(str(clip)) == [clip]
    assert local_files(str(tmp_path / "*.mkv")) == [clip]
    assert local_files(str(tmp_path)) == [], "a folder is read for its photos"


def test_numbered_photos_come_in_the_order_of_their_numbers(tmp_path):
    names = ["2.png", "10.png", "a1b2.png", "a1b10.png", "a2b1.png"]
    for name in reversed(names):
        (tmp_path / name).touch()
    assert [path.name for path in local_files(str(tmp_path))] == names
    assert [path.name for path in local_files(f"{tmp_path}/*.png")] == names


def test_hidden_files_of_a_folder_are_no_photos_of_it(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), square(0))
    (tmp_path / "._a.png").write_bytes(b"\0\5\x16\7 AppleDouble")
    cv2.imwrite(str(tmp_path / ".b.png"), square(0))
    assert local_files(str(tmp_path)) == [tmp_path / "a.png"]
    with open_source(str(tmp_path), on_message=quiet) as source:
        assert [frame.name for frame in source] == ["a.png"]
    for given in (str(tmp_path / ".b.png"), f"{tmp_path}/.b*"):
        with open_source(given, on_message=quiet) as source:
            assert [frame.name for frame in source] == [".b.png"]
    (tmp_path / "a.png").unlink()
    with pytest.raises(StreamError, match="no photos in it"):
        open_source(str(tmp_path), on_message=quiet)


def test_addresses_of_sinks(tmp_path):
    for address, kind in {
        str(tmp_path / "x.mp4"): VideoSink,
        str(tmp_path / "x.PNG"): PhotoFile,
        f"{tmp_path}/new/": PhotoFolder,
        str(tmp_path): PhotoFolder,
    }.items():
        with open_sink(address, INFO, SinkOptions(overwrite=True)) as sink:
            assert type(sink) is kind, address
    with pytest.raises(StreamError, match="unknown kind of output"):
        open_sink("movie.xyz", INFO, SinkOptions())


@pytest.mark.parametrize("address", ["udp://", "RTSP://", "https://"])
def test_a_network_address_without_a_host_is_refused_at_once(address):
    with pytest.raises(StreamError, match=f"^{address}: names no host"):
        open_source(address, on_message=print)


def test_realtime_gives_frames_when_they_are_due():
    source = RealTime(MovingSquare(11))
    times = []
    with source:
        for _ in source:
            times.append(time.monotonic())
    assert source.info.live
    assert len(times) == 11
    assert times[-1] - times[0] >= 10 / 25 - 0.005


def test_realtime_can_be_interrupted_while_it_waits():
    source = RealTime(MovingSquare(1000))
    with source:
        for frame in source:
            if frame.index == 2:
                source.interrupt()
        assert frame.index == 2


def test_looping_background_follows_the_clock_and_starts_over(clip):
    background = LoopingVideo(clip)

    def shown(time_s: float) -> int:
        image = background(time_s, (48, 64))
        columns = np.nonzero((image[24] > (128, 0, 128)).all(axis=1))[0]
        return int(columns.min()) - 10

    # the stream's own clock begins at 7 s; frames are 0.04 s apart, ten of them
    assert [shown(7 + step * 0.04 + 0.001) for step in range(10)] == pytest.approx(range(10), abs=1)
    assert shown(7 + 0.4 + 0.001) == pytest.approx(0, abs=1), "the first again"
    assert shown(7 + 0.4 + 0.121) == pytest.approx(3, abs=1)
    assert shown(7 + 1.6 + 0.201) == pytest.approx(5, abs=1), "whole rounds skipped"
    background.close()


def test_background_does_not_make_up_for_a_camera_that_was_gone(clip, monkeypatch):
    background = LoopingVideo(clip)
    background(7.0, (48, 64))
    advanced = []
    advance = LoopingVideo._advance
    monkeypatch.setattr(LoopingVideo, "_advance", lambda video: advanced.append(advance(video)))
    background(7.0 + 3600, (48, 64))
    assert len(advanced) == 1
    background(7.0 + 3600 + 0.081, (48, 64))
    assert len(advanced) == 3, "from there on it keeps pace"
    background.close()


def test_background_is_a_photo_or_a_video_and_is_closed(tmp_path, clip, monkeypatch):
    cv2.imwrite(str(tmp_path / "b.png"), square(0))
    closed = []
    monkeypatch.setattr(
        stream.live.background.LoopingVideo, "close", lambda self: closed.append(self)
    )
    with ExitStack() as stack:
        assert isinstance(open_background(tmp_path / "b.png", stack), np.ndarray)
        video = open_background(clip, stack)
        assert isinstance(video, LoopingVideo)
    assert closed == [video]
    with ExitStack() as stack, pytest.raises(StreamError, match="no such file"):
        open_background(tmp_path / "missing.mp4", stack)
    monkeypatch.undo()
    video.close()


def test_demo_moves_and_ends_where_it_began():
    pytest.importorskip("skimage")
    with Demo() as demo:
        frames = list(demo)
    assert len(frames) == demo.info.num_frames
    first, middle, last = (frames[index].image.astype(int) for index in (0, 120, -1))
    assert np.abs(first - middle).mean() > 10
    assert np.abs(first - last).mean() < 5
    assert first.shape == (demo.info.height, demo.info.width, 3)
