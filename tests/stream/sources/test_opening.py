"""Which source an address means, and why some files are none."""

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
from tests import ffmpeg_reference as reference
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


def _bad_files(folder: Path) -> dict[str, str]:
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("This is no video at all.\n" * 50)
    (folder / "folder.mp4").mkdir()
    reference.ffmpeg("-f", "lavfi", "-i", "sine=duration=1", folder / "sound.mp4")
    reference.ffmpeg("-f", "lavfi", "-i", "color=size=32x32:d=0.1", folder / "film.mp4")
    film = (folder / "film.mp4").read_bytes()
    (folder / "bought.m4v").write_bytes(film.replace(b"avc1", b"drmi"))
    (folder / "new.mov").write_bytes(film.replace(b"avc1", b"xyzw"))
    (folder / "newer.mov").write_bytes(film.replace(b"avc1", b"evc1"))
    reference.ffmpeg("-i", folder / "film.mp4", "-c", "copy", folder / "unnamed.mkv")
    matroska = (folder / "unnamed.mkv").read_bytes()
    (folder / "unnamed.mkv").write_bytes(matroska.replace(b"/ISO/AVC", b"/ISO/XYZ"))
    start, end = film.index(b"mdat") + 4, film.index(b"moov") - 4
    (folder / "blank.mp4").write_bytes(film[:start] + bytes(end - start) + film[end:])
    return {
        "bought.m4v": "is copy-protected; only players of those who sold it",
        "new.mov": "is coded as xyzw, which cannot be decoded; save it as H.264",
        "newer.mov": "is coded as evc, which cannot",
        "unnamed.mkv": "is coded in a way that cannot be decoded; save it as H.264",
        "blank.mp4": r"no frame of it can be decoded \(.*\); is it whole",
        "empty.mp4": "is empty",
        "text.mp4": "cannot be read as a video",
        "folder.mp4": "is a folder",
        "missing.mp4": "no such file",
        "sound.mp4": "has no video in it",
        "na\0me.mp4": "cannot be read|no such file",
    }


@pytest.mark.usefixtures("nothing_left_over")
def test_bad_files_are_one_line_that_names_them(tmp_path: Path) -> None:
    for name, message in _bad_files(tmp_path).items():
        with pytest.raises(StreamError, match=message) as caught:
            VideoSource(str(tmp_path / name))
        assert Path(name).suffix in str(caught.value)
        assert "\n" not in str(caught.value)
