"""Videos and cameras behind web servers: files, playlists, pictures one after the other."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

import stream.ffmpeg.inputs
from stream.errors import StreamError
from stream.sources.video import VideoSource
from tests.ffmpeg_reference import ffmpeg
from tests.stand_ins.senders import Line, http_camera, web_folder

pytestmark = pytest.mark.usefixtures("nothing_left_over")

BOUNDARY = {"Content-Type": "multipart/x-mixed-replace; boundary=frame"}


def part(data: bytes) -> bytes:
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (
        len(data),
        data,
    )


def jpeg(number: int) -> bytes:
    image = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
    return bytes(cv2.imencode(".jpg", image)[1])


def test_pictures_without_times_are_of_the_time_they_come() -> None:
    def serve(number: int, line: Line) -> None:
        for count in range(100):
            line.send(part(jpeg(count)))
            time.sleep(0.2)

    with http_camera(serve, BOUNDARY) as address, VideoSource(address) as source:
        assert source.info.live
        frames = list(itertools.islice(source, 11))
    assert frames[-1].time_s - frames[0].time_s > 1.0  # ffmpeg's 25 a second would make 0.4 s


def test_broken_pictures_are_left_out_and_nothing_else() -> None:
    def serve(number: int, line: Line) -> None:
        for count in range(100):
            data = jpeg(count)
            line.send(part(data[: len(data) // 2] if count % 5 == 3 else data))
            time.sleep(0.02)

    told: list[str] = []
    with http_camera(serve, BOUNDARY) as address, VideoSource(address, told.append) as source:
        frames = list(itertools.islice(source, 20))
    assert {frame.take for frame in frames} == {0}
    assert told == []


def playlist(folder: Path, *, has_end: bool = True) -> None:
    """Write the playlist `list.m3u8` of `0.ts`, `1.ts` and `2.ts`, a second of 10 frames each."""
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=3", "-g", "10")
    names = ("-hls_segment_filename", folder / "%d.ts")
    coded = ("-c:v", "libx264", "-bf", "0", "-hls_time", "1", "-hls_list_size", "0")
    ffmpeg(*picture, *coded, *names, folder / "list.m3u8")
    if not has_end:
        text = (folder / "list.m3u8").read_text()
        (folder / "list.m3u8").write_text(text.replace("#EXT-X-ENDLIST\n", ""))


@pytest.mark.parametrize("ending", [".ts", ".jpg", "", ".ts?key=a.b&c", ".jpg?key=a.b&c"])
@pytest.mark.parametrize("name", ["list.m3u8", "list.m3u8?key=a", "list"])
def test_segments_may_be_called_anything(tmp_path: Path, name: str, ending: str) -> None:
    playlist(tmp_path)
    text = (tmp_path / "list.m3u8").read_text()
    for number in range(3):
        old, new = f"{number}.ts", f"{number}{ending}"
        (tmp_path / old).rename(tmp_path / new.partition("?")[0])
        text = text.replace(old, new)
    (tmp_path / "list.m3u8").unlink()
    (tmp_path / name.partition("?")[0]).write_text(text)
    with web_folder(tmp_path) as address, VideoSource(f"{address}/{name}") as source:
        assert not source.info.live
        times = [frame.time_s for frame in source]
    np.testing.assert_allclose(np.diff(times), 0.1, atol=1e-3)
    assert len(times) == 30


def test_live_segments_are_shown_frame_by_frame(tmp_path: Path) -> None:
    playlist(tmp_path, has_end=False)
    with web_folder(tmp_path) as address, VideoSource(f"{address}/list.m3u8") as source:
        assert source.info.live
        seen = [(frame.time_s, time.monotonic()) for frame in itertools.islice(source, 15)]
    times, shown = np.array(seen).T
    np.testing.assert_allclose(np.diff(times), 0.1, atol=1e-3)
    assert shown[-1] - shown[0] > 1.35  # all of them were there at once


def test_a_playlist_that_has_come_to_its_end_is_not_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.pauses.PAUSES_S", (0.1,))
    playlist(tmp_path, has_end=False)
    told: list[str] = []

    def hear(text: str) -> None:
        told.append(text)
        timers.append(threading.Timer(1.0, source.interrupt))
        timers[-1].start()

    timers: list[threading.Timer] = []
    with web_folder(tmp_path) as address, VideoSource(f"{address}/list.m3u8", hear) as source:
        with (tmp_path / "list.m3u8").open("a") as file:
            file.write("#EXT-X-ENDLIST\n")
        assert {frame.take for frame in source} == {0}
    for timer in timers:
        timer.join()
    assert told == [f"{address}/list.m3u8: lost (it ended), trying again"]


@pytest.mark.parametrize("stalls", [False, True])
def test_a_file_that_breaks_off_is_an_error(
    tmp_path: Path, stalls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream.ffmpeg.inputs, "_TIMEOUT_US", 500_000)
    picture = "testsrc2=size=640x480:rate=10:duration=10"
    coded = ("-c:v", "mpeg2video", "-b:v", "8M", "-movflags", "+faststart")
    ffmpeg("-f", "lavfi", "-i", picture, *coded, tmp_path / "clip.mp4")
    data = (tmp_path / "clip.mp4").read_bytes()

    def serve(number: int, line: Line) -> None:
        line.send(data[: len(data) * 2 // 3])
        if stalls:
            line.stay_silent()

    headers = {"Content-Length": str(len(data)), "Content-Type": "video/mp4"}
    with http_camera(serve, headers) as address, VideoSource(address) as source:
        assert not source.info.live
        with pytest.raises(StreamError, match="broke off"):
            list(source)


def test_a_file_that_does_not_know_how_long_it_is_has_an_end(tmp_path: Path) -> None:
    picture = "testsrc2=size=64x48:rate=10:duration=2"
    (tmp_path / "clip.mkv").write_bytes(
        ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "mpeg4", "-f", "matroska", "-")
    )
    with web_folder(tmp_path) as address, VideoSource(f"{address}/clip.mkv") as source:
        assert not source.info.live
        assert len(list(source)) == 20
