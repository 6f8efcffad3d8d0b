"""Which source an address means."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import cv2
import pytest

from stream.errors import StreamError
from stream.frame import OutputInfo, StreamInfo
from stream.live.background import open_background
from stream.live.front_picture import watched_front
from stream.sinks import open_sink
from stream.sinks.parts.options import SinkOptions
from stream.sources import local_files, open_source
from stream.sources.demo import Demo
from stream.sources.photos import Photos
from stream.sources.video import VideoSource
from tests.stand_ins.fakes import square


def quiet(text: str) -> None:
    raise AssertionError(text)


def test_addresses_of_sources(tmp_path, square_clip):
    cv2.imwrite(str(tmp_path / "b.png"), square(0))
    cv2.imwrite(str(tmp_path / "a.JPG"), square(0))
    (tmp_path / "c").write_bytes((tmp_path / "b.png").read_bytes())
    (tmp_path / "d.jfif").write_bytes((tmp_path / "a.JPG").read_bytes())
    (tmp_path / "e.jpg").write_bytes(square_clip.read_bytes())
    for address, kind in {
        str(square_clip): VideoSource,
        str(tmp_path / "e.jpg"): VideoSource,
        square_clip: VideoSource,
        str(tmp_path / "b.png"): Photos,
        str(tmp_path / "c"): Photos,
        str(tmp_path / "d.jfif"): Photos,
        str(tmp_path / "*.png"): Photos,
        "demo:": Demo,
    }.items():
        with open_source(address, on_message=quiet) as source:
            assert type(source) is kind, address
    told: list[str] = []
    with open_source(str(tmp_path), on_message=told.append) as source:
        assert type(source) is Photos
        assert [frame.name for frame in source] == ["a.JPG", "b.png", "c", "d.jfif"]
    assert told == [f"{tmp_path}: passed over 2 of 6, no photos: clip.mkv, e.jpg"]
    with open_source(str(square_clip), on_message=quiet, realtime=True) as source:
        assert source.info.live


@pytest.mark.parametrize("address", ["0", "camera:12", "demo:", "rtsp://host/x", "udp://@:1234"])
def test_devices_and_networks_are_no_files(address):
    assert local_files(address) == []


def test_local_files(tmp_path, square_clip):
    assert local_files(str(square_clip)) == [square_clip]
    assert local_files(str(tmp_path / "*.mkv")) == [square_clip]
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


def test_what_a_file_system_refuses_is_one_line():
    """As of a folder that may not be looked into; here a name that is too long for any."""
    name = "x" * 300 + ".png"
    for ask in (
        open_source,
        local_files,
        watched_front,
        lambda path: open_background(Path(path), ExitStack()),
    ):
        with pytest.raises(StreamError, match=r"x.png: cannot be read \(File name too long\)"):
            ask(name)
    info = OutputInfo(StreamInfo(8, 8, None))
    for ending in (".png", ".jsonl", ".mp4", ".gif"):
        with pytest.raises(StreamError, match=r"x\.\w+: cannot be written \(File name too long\)"):
            open_sink("x" * 300 + ending, info, SinkOptions())
