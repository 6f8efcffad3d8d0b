"""Folders for web servers that cannot be written, and those that are not the whole video."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from stream.errors import StreamError
from stream.frame import Output, OutputInfo, Sink, StreamInfo
from stream.sinks import SinkOptions, open_sink
from stream.sinks.parts.playlist import PlaylistCheck
from tests.ffmpeg_reference import picture_times_s
from tests.stand_ins.fakes import output_of
from tests.stand_ins.small_disk import small_disk

pytestmark = pytest.mark.usefixtures("nothing_left_over")

FILE = OutputInfo(StreamInfo(160, 120, Fraction(25), num_frames=1000))
LIVE = OutputInfo(StreamInfo(160, 120, Fraction(25), live=True))
OPTIONS = SinkOptions(preset="ultrafast", crf=10)


def noise(num: int) -> Iterator[Output]:
    """Pictures that take a lot of room, ten of them in turn."""
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (120, 160, 3), np.uint8) for _ in range(10)]
    for index in range(num):
        yield output_of(images[index % 10], index, index / 25)


def write(sink: Sink, num: int, pause_s: float = 0.0) -> None:
    for output in noise(num):
        sink.write(output)
        time.sleep(pause_s)


@pytest.mark.parametrize("info", [FILE, LIVE], ids=["file", "live"])
def test_a_full_disk_is_told_at_once_and_leaves_nothing(info, tmp_path):
    told: list[str] = []
    options = SinkOptions(preset="ultrafast", crf=10, on_message=told.append)
    with small_disk(tmp_path / "small", 600_000) as disk:
        folder = disk / "web"
        with open_sink(f"hls:{folder}/", info, options) as sink:
            with pytest.raises(StreamError, match="No space left on device") as error:
                write(sink, 1000, pause_s=0.01 * info.stream.live)
            with pytest.raises(StreamError, match="No space left on device"):
                sink.finish(cut_short=True)
        assert not folder.exists()
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)
    assert told == [], "nobody hopes for a better disk"


def test_a_disk_that_is_full_at_the_very_end_is_told(tmp_path):
    with small_disk(tmp_path / "small", 200_000) as disk:
        with open_sink(f"hls:{disk}/", FILE, OPTIONS) as sink:
            write(sink, 45)  # one segment
            with pytest.raises(StreamError, match="No space left on device"):
                sink.finish(cut_short=False)
        assert list(disk.iterdir()) == []


def test_files_that_may_not_grow_are_an_error(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with open_sink(f"hls:{tmp_path}/web/", FILE, OPTIONS) as sink:
            with pytest.raises(StreamError, match="could not be written"):
                write(sink, 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "size", "is_whole"),
    [
        ("maskcast-000000.ts", 188 * 7, True),
        ("maskcast-000000.ts", 188 * 7 + 4, False),
        ("maskcast-000000.ts", 0, False),
        ("index.m3u8", 100, True),
        ("index.m3u8", 0, False),
    ],
)
def test_each_file_is_looked_at_when_the_next_is_opened(tmp_path, name, size, is_whole):
    check = PlaylistCheck(tmp_path)
    assert check.failure(f"[hls @ 0x1] [info] Opening '{name}.tmp' for writing") == ""
    (tmp_path / name).write_bytes(bytes(size))
    assert check.failure("[libx264 @ 0x2] [info] frame I:1") == ""
    reason = check.failure("[hls @ 0x1] [info] Opening 'maskcast-000001.ts.tmp' for writing")
    assert reason == ("" if is_whole else "a file in it is not whole; was the disk full?")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_old_segments_of_a_live_folder_are_not_missed(tmp_path):
    check = PlaylistCheck(tmp_path)
    for index in range(3):
        line = f"[hls @ 0x1] [info] Opening 'maskcast-00000{index}.ts.tmp' for writing"
        assert check.failure(line) == ""


@pytest.mark.parametrize("name", ["50%", "a%03d", "%d%%", "12:30", "ü ö'"])
@pytest.mark.parametrize("info", [FILE, LIVE], ids=["file", "live"])
def test_folders_may_have_any_name(name, info, tmp_path):
    folder = tmp_path / name
    with open_sink(f"hls:{folder}/", info, OPTIONS) as sink:
        write(sink, 60, pause_s=0.005 * info.stream.live)
        sink.finish(cut_short=False)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "index.m3u8"
    assert all(name.startswith("maskcast-00000") for name in names[1:])
    assert names[1:] == [
        line for line in (folder / "index.m3u8").read_text().splitlines() if line.endswith(".ts")
    ]


def test_a_folder_that_another_run_writes_is_refused_and_stays(tmp_path):
    options = replace(OPTIONS, overwrite=True)
    with open_sink(f"hls:{tmp_path}/", FILE, OPTIONS) as sink:
        write(sink, 10)
        refused = pytest.raises(StreamError, match="another run is writing it; name another")
        with refused, open_sink(f"hls:{tmp_path}/", LIVE, options):
            pass
        sink.finish(cut_short=False)
    before = sorted(tmp_path.iterdir())
    assert [path.name for path in before] == ["index.m3u8", "maskcast-000000.ts"]
    with open_sink(f"hls:{tmp_path}/", FILE, options):
        assert not list(tmp_path.iterdir())


def test_a_relative_folder_is_that_of_the_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_sink("hls:web/", FILE, OPTIONS) as sink:
        write(sink, 10)
        sink.finish(cut_short=False)
    assert (tmp_path / "web" / "index.m3u8").exists()


def test_what_was_cut_off_is_kept_and_does_not_say_that_it_is_whole(tmp_path):
    texts = []
    for cut_short in (False, True):
        folder = tmp_path / f"web {cut_short}"
        with open_sink(f"hls:{folder}/", FILE, OPTIONS) as sink:
            write(sink, 60)
            sink.finish(cut_short=cut_short)
        texts.append((folder / "index.m3u8").read_text())
        assert len(picture_times_s(folder / "maskcast-000000.ts")) == 50
    for text, is_whole in zip(texts, (True, False), strict=True):
        assert ("#EXT-X-ENDLIST" in text) == is_whole
        assert ("PLAYLIST-TYPE:VOD" in text) == is_whole
        assert text.count("#EXTINF") == 2
