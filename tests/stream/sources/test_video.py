"""Videos and network addresses as sources."""

from __future__ import annotations

import functools
import http.server
import itertools
import os
import re
import shutil
import socketserver
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest

from stream.errors import StreamError
from stream.frame import Colour
from stream.sources.video import VideoSource
from tests import ffmpeg_reference as reference
from tests.stand_ins.senders import recording

pytestmark = pytest.mark.usefixtures("nothing_left_over")

EDGE_FRAMES = {
    "av1.mkv": 125,
    "corrupted.mp4": 49,
    "failing_audio.mp4": 280,
    "h264_10bit.mp4": 30,
    "hevc.mp4": 10,
    "no_duration_vfr_opus.webm": 74,
    "raw_bgr24_48x48.avi": 51,
    "rot_0.mov": 3,
    "rot_180.mov": 3,
    "rot_270.mov": 3,
    "rot_90.mov": 3,
    "transparent_alpha.webm": 150,
    "unordered_pts.mov": 4,
}
EDGE_REMARKS = {"corrupted.mp4": "49 frames", "transparent_alpha.webm": "transparent in places"}


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of 64x48 with sound."""
    path = tmp_path_factory.mktemp("small") / "small.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=3")
    sound = ("-f", "lavfi", "-i", "sine=duration=3")
    reference.ffmpeg(*picture, *sound, path)
    return path


@pytest.mark.parametrize("name", EDGE_FRAMES)
def test_every_edge_file_is_read_to_its_end(shared_data: Path, name: str) -> None:
    path, told = shared_data / "edge" / name, list[str]()
    with VideoSource(str(path), told.append) as source:
        frames = [(frame.index, frame.time_s, frame.image.shape) for frame in source]
    shape = (source.info.height, source.info.width, 3)
    assert [index for index, _, _ in frames] == list(range(EDGE_FRAMES[name]))
    assert bool(told) == (name in EDGE_REMARKS), told
    assert all(EDGE_REMARKS[name] in line for line in told)
    assert {frame_shape for _, _, frame_shape in frames} == {shape}
    wanted = reference.picture_times_s(path)
    np.testing.assert_allclose([time_s for _, time_s, _ in frames], wanted, atol=1e-9)


def test_info_says_what_the_file_says(shared_data: Path) -> None:
    clips = shared_data / "clips"
    with VideoSource(str(clips / "cats_vfr_audio.mp4")) as source:
        info = source.info
    assert (info.width, info.height, info.live) == (568, 320, False)
    assert info.fps == Fraction(30000, 1001)
    assert info.time_base == Fraction(1, 600)
    assert info.colour == Colour("bt709", "bt709", "bt709", full_range=False)
    assert info.contents is not None
    assert info.contents.address == str(clips / "cats_vfr_audio.mp4")
    assert [track.codec for track in info.contents.sound] == ["aac"]
    with VideoSource(str(clips / "carphone_qcif.mp4")) as source:
        assert source.info.pixel_aspect == Fraction(128, 117)
        assert source.info.colour == Colour(matrix="unknown")
        assert source.info.duration_s == pytest.approx(120 / (source.info.fps or 0), abs=0.02)
        assert source.info.contents is not None
        assert source.info.contents.sound == ()
    with VideoSource(str(clips / "webcam_asl_book.mkv")) as source:
        assert source.info.colour == Colour(matrix="unknown", full_range=True)
    with VideoSource(str(shared_data / "edge" / "raw_bgr24_48x48.avi")) as source:
        assert source.info.colour == Colour()
    with VideoSource(str(shared_data / "edge" / "no_duration_vfr_opus.webm")) as source:
        assert source.info.duration_s is None


@pytest.mark.parametrize(
    ("name", "num_quarter_turns"),
    [("rot_0.mov", 0), ("rot_90.mov", -1), ("rot_180.mov", 2), ("rot_270.mov", 1)],
)
def test_rotation_is_applied_once(shared_data: Path, name: str, num_quarter_turns: int) -> None:
    path = shared_data / "edge" / name
    convert = ("-vf", "scale=flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24")
    raw = reference.ffmpeg(
        *("-noautorotate", "-i", path, "-frames:v", "1", *convert, "-f", "rawvideo", "-")
    )
    lying = np.frombuffer(raw, np.uint8).reshape(320, 568, 3)
    upright = np.rot90(lying, num_quarter_turns)
    with VideoSource(str(path)) as source:
        image = next(iter(source)).image
    assert (source.info.height, source.info.width) == upright.shape[:2] == image.shape[:2]
    assert np.abs(image.astype(int) - upright).mean() < 1


@pytest.mark.parametrize(
    ("size", "pixel_format", "codec"),
    [
        ("65x49", "yuv444p", "libx264"),
        ("64x48", "yuv420p10le", "libx265"),
        ("64x48", "yuv422p", "libx264"),
        ("63x47", "rgb24", "png"),
        ("64x48", "gray", "ffv1"),
    ],
)
def test_other_pixels_become_the_same_rgb(
    tmp_path: Path, size: str, pixel_format: str, codec: str
) -> None:
    path = tmp_path / "clip.mkv"
    still = f"color=c=0xC08040:size={size}:rate=5:duration=1"
    reference.ffmpeg("-f", "lavfi", "-i", still, "-c:v", codec, "-pix_fmt", pixel_format, path)
    with VideoSource(str(path)) as source:
        frames = list(source)
    width, height = map(int, size.split("x"))
    assert [frame.image.shape for frame in frames] == [(height, width, 3)] * 5
    grey = round(0.299 * 0xC0 + 0.587 * 0x80 + 0.114 * 0x40)
    wanted = [grey] * 3 if pixel_format == "gray" else [0xC0, 0x80, 0x40]
    assert np.abs(frames[2].image.reshape(-1, 3).mean(axis=0) - wanted).max() < 2.5


def test_matrix_and_range_of_the_file_are_honoured(tmp_path: Path) -> None:
    still = "color=c=0xC08040:size=64x48:rate=5:duration=1,format=gbrp"
    for matrix, tag in (("bt709", "bt709"), ("bt601", "smpte170m"), ("bt2020", "bt2020nc")):
        for colour_range in ("tv", "pc"):
            path = tmp_path / f"{matrix}_{colour_range}.mkv"
            scale = f"scale=flags=accurate_rnd:out_color_matrix={matrix}:out_range={colour_range}"
            tags = f"format=yuv444p,setparams=colorspace={tag}:range={colour_range}"
            lavfi = ("-f", "lavfi", "-i", still, "-vf", f"{scale},{tags}")
            reference.ffmpeg(*lavfi, "-c:v", "libx264", "-crf", "1", path)
            with VideoSource(str(path)) as source:
                image = next(iter(source)).image
            assert source.info.colour.matrix == tag
            assert source.info.colour.full_range == (colour_range == "pc")
            mean = image.reshape(-1, 3).mean(axis=0)
            assert np.abs(mean - [0xC0, 0x80, 0x40]).max() < 2.5, (matrix, colour_range)


def test_irregular_times_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "irregular.mp4"
    times_s = reference.irregular_clip(path)
    with VideoSource(str(path)) as source:
        read = [frame.time_s for frame in source]
    np.testing.assert_allclose(read, times_s, atol=1e-9)


@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
def test_joined_recordings_go_on_where_the_clock_starts_over(tmp_path: Path, codec: str) -> None:
    picture = "testsrc2=size=64x48:rate=10:duration=1"
    reference.ffmpeg("-f", "lavfi", "-i", picture, "-c:v", codec, tmp_path / "one.ts")
    joined, told = tmp_path / "joined.ts", list[str]()
    joined.write_bytes((tmp_path / "one.ts").read_bytes() * 3)
    with VideoSource(str(joined), told.append) as source:
        times = [frame.time_s for frame in source]
    np.testing.assert_allclose(np.diff(times), 0.1, atol=1e-6)
    assert len(times) == 30
    assert told == []


@pytest.mark.parametrize(("second_s", "gap_s"), [(20_000, 0.1), (600, 0.1), (5, 4.0)])
def test_a_jump_of_more_than_ten_seconds_is_none_of_the_recording(
    tmp_path: Path, second_s: int, gap_s: float
) -> None:
    first, second = tmp_path / "first.ts", tmp_path / "second.ts"
    joined = tmp_path / "joined.ts"
    joined.write_bytes(
        recording(first).read_bytes() + recording(second, first_s=second_s).read_bytes()
    )
    with VideoSource(str(joined)) as source:
        steps = np.diff([frame.time_s for frame in source])
    np.testing.assert_allclose(np.delete(steps, 9), 0.1, atol=1e-6)
    assert steps[9] == pytest.approx(gap_s, abs=0.11)


def test_a_clock_whose_bits_are_full_goes_on(tmp_path: Path) -> None:
    path = recording(tmp_path / "full.ts", first_s=2**33 / 90_000 - 0.5)
    with VideoSource(str(path)) as source:
        steps = np.diff([frame.time_s for frame in source])
    np.testing.assert_allclose(steps, [0.1] * 9, atol=1e-4)


def test_a_picture_that_changes_size_is_fitted_into_the_first(tmp_path: Path) -> None:
    both, told = tmp_path / "both.ts", list[str]()
    parts = (recording(tmp_path / f"{size}.ts", size=size) for size in ("64x48", "48x96", "32x24"))
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    with VideoSource(str(both), told.append) as source:
        frames = [frame.image for frame in source]
    assert len(frames) >= 28  # of those that are coded at a time
    is_upright = []
    for image in frames:
        assert image.shape == (48, 64, 3)
        assert image[:, 20:44].max() > 100
        is_upright.append(np.concatenate([image[:, :20], image[:, 44:]], axis=1).max() == 0)
    runs = [(key, len(list(run))) for key, run in itertools.groupby(is_upright)]
    assert [key for key, _ in runs] == [False, True, False]
    assert all(num >= 9 for _, num in runs)
    assert told == [
        f"{both}: its pictures are {size} now, fitted into 64x48" for size in ("48x96", "32x24")
    ]


def test_an_interlaced_picture_that_changes_size_is_fitted_as_well(tmp_path: Path) -> None:
    both, told = tmp_path / "both.ts", list[str]()
    for size in ("128x96", "256x96"):
        picture = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration=1")
        fields = ("-vf", "interlace=lowpass=off,setfield=tff", "-flags", "+ildct+ilme")
        part = tmp_path / "part.ts"
        reference.ffmpeg(*picture, *fields, "-c:v", "mpeg2video", "-q:v", "2", part)
        both.write_bytes((both.read_bytes() if both.exists() else b"") + part.read_bytes())
    with VideoSource(str(both), told.append) as source:
        last = [frame.image for frame in source][-1]
    assert f"{both}: its pictures are 256x96 now, fitted into 128x96" in told
    assert last[:20].max() < 20


def test_reading_it_a_second_time_is_told(
    small_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with VideoSource(str(small_clip)) as source:
        assert list(source)
        monkeypatch.setattr(source, "_frames", lambda *_: iter(()))  # which waits for ever
        with pytest.raises(StreamError, match="was read to its end; open it anew"):
            list(source)


def test_images_cannot_be_written_to(small_clip: Path) -> None:
    with VideoSource(str(small_clip)) as source:
        frame = next(iter(source))
        with pytest.raises(ValueError, match="read-only"):
            frame.image[0, 0, 0] = 1


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_cut_off_file_gives_its_beginning_and_says_so(
    small_clip: Path, tmp_path: Path, ending: str
) -> None:
    path, told = tmp_path / f"cut.{ending}", list[str]()
    reference.ffmpeg("-i", small_clip, "-c", "copy", "-movflags", "+faststart", path)
    os.truncate(path, path.stat().st_size * 2 // 3)
    with VideoSource(str(path), told.append) as source:
        num_frames = sum(1 for _ in source)
        assert source.num_left_out == 1  # its end
    assert 25 < num_frames < 70
    (line,) = told
    assert f"{path}: is damaged, {num_frames} frames (" in line
    assert " of 3.0 s) could be read" in line
    assert "\n" not in line


def test_unreadable_file(small_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by the file's permissions, which root need not keep.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(StreamError, match="may not be read"):
        VideoSource(str(small_clip))


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile secret.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    ],
)
@pytest.mark.parametrize("ending", [".mp4", ".m3u8", ".ffconcat"])
def test_a_playlist_opens_nothing(small_clip: Path, tmp_path: Path, text: str, ending: str) -> None:
    shutil.copy(small_clip, tmp_path / "secret.mp4")
    path = tmp_path / f"list{ending}"
    path.write_text(text)
    with pytest.raises(StreamError, match=r"playlist|cannot be read"):
        VideoSource(str(path))


def test_a_path_is_never_a_protocol(small_clip: Path) -> None:
    for address in (f"concat:{small_clip}", f"file:{small_clip}", "lavfi:testsrc2"):
        with pytest.raises(StreamError, match="no such file"):
            VideoSource(address)


def test_a_killed_ffmpeg_is_an_error(shared_data: Path) -> None:
    path = shared_data / "clips" / "talk_woman_720p_audio.mp4"
    with VideoSource(str(path)) as source:
        frames = iter(source)
        next(frames)
        (child,) = psutil.Process().children()
        child.kill()
        with pytest.raises(StreamError, match=r"talk_woman.*ended by SIGKILL"):
            list(frames)


def test_interrupt_ends_the_iteration_quietly(shared_data: Path) -> None:
    path = shared_data / "clips" / "talk_woman_720p_audio.mp4"
    with VideoSource(str(path)) as source:
        timer = threading.Timer(0.2, source.interrupt)
        timer.start()
        num_frames = 0
        for _ in source:
            num_frames += 1
            time.sleep(0.02)
        timer.join()
    assert 0 < num_frames < 282


def test_leaving_early_frees_everything(small_clip: Path) -> None:
    with VideoSource(str(small_clip)) as source:
        next(iter(source))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Address of a server and the folder it serves."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    server = socketserver.TCPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", tmp_path
    server.shutdown()
    thread.join()
    server.server_close()


def test_http_file_is_a_file(served: tuple[str, Path], small_clip: Path) -> None:
    address, folder = served
    shutil.copy(small_clip, folder / "clip.mp4")
    with VideoSource(f"{address}/clip.mp4") as source:
        assert source.info.contents is not None
        assert source.info.contents.address == f"{address}/clip.mp4"
        assert not source.info.live
        assert source.info.duration_s == pytest.approx(3, abs=0.05)
        assert sum(1 for _ in source) == 75


def test_network_playlist_reads_no_local_file(served: tuple[str, Path], small_clip: Path) -> None:
    address, folder = served
    lines = f"ffconcat version 1.0\nfile 'file:{small_clip}'\n"
    (folder / "list.ffconcat").write_text(lines)
    with pytest.raises(StreamError, match=re.escape(address)):
        VideoSource(f"{address}/list.ffconcat")


def test_unreachable_address_hides_the_password() -> None:
    with pytest.raises(StreamError, match="Connection refused") as caught:
        VideoSource("http://me:secret@127.0.0.1:9/x.mp4")
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)
