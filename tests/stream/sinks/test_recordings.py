"""Videos of what will not come again: what is in them is never lost."""

from __future__ import annotations

import itertools
import re
import resource
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from segmentation.unfinished import PART, RECORDING, Unfinished, unfinished_in
from stream.errors import StreamError
from stream.ffmpeg.encoding import formats
from stream.ffmpeg.length import length_s
from stream.frame import Output, OutputInfo
from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink
from stream.sources.video import VideoSource
from tests import ffmpeg_reference as reference
from tests.written_videos import SMALL, noisy_outputs, write_all

LIVE = OutputInfo(replace(SMALL, live=True))
SMALL_FILE = OutputInfo(SMALL)
LARGE = OutputInfo(replace(SMALL, width=640, height=480, live=True))
QUICK = SinkOptions(preset="ultrafast")

pytestmark = pytest.mark.usefixtures("no_file_left_over")


def write(sink: VideoSink, num_frames: int, info: OutputInfo = LIVE) -> None:
    for output in noisy_outputs(num_frames, info):
        sink.write(output)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def part_in(folder: Path) -> Path:
    (part,) = unfinished_in(folder, RECORDING)
    return part


def kill_encoder() -> None:
    """Kill the ffmpeg that was started last, and wait until it has ended.

    Other tests' helpers may be children too.
    """
    ours = [each for each in psutil.Process().children() if "ffmpeg" in each.name()]
    encoder = max(ours, key=lambda each: each.create_time())
    encoder.kill()
    wait_for(lambda: has_ended(encoder))


def has_ended(process: psutil.Process) -> bool:
    try:
        # its other threads may still hold its end of the pipe
        return bool(process.status() == psutil.STATUS_ZOMBIE) and process.num_threads() <= 1
    except psutil.NoSuchProcess:
        return True


@contextmanager
def small_files(num_bytes: int) -> Iterator[None]:
    """No file of processes that are started now becomes larger, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("has_alpha", [False, True])
def test_all_but_the_last_moment_can_be_read_at_any_time(
    tmp_path: Path, ending: str, has_alpha: bool
) -> None:
    if has_alpha and ending not in formats.ALPHA_ENDINGS:
        pytest.skip("holds no transparency")
    info = replace(LIVE, has_alpha=has_alpha)
    with VideoSink(tmp_path / f"out{ending}", info, SinkOptions(preset="medium")) as sink:
        write(sink, 150, info)
        wait_for(lambda: (length_s(part_in(tmp_path)) or 0.0) > 6.0 - 2.0)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_what_is_finished_is_as_a_file_would_be(tmp_path: Path, ending: str) -> None:
    clip = tmp_path / "clip.mkv"
    times_s = reference.irregular_clip(clip)
    for cut_short in (False, True):
        with VideoSource(str(clip)) as source:
            info = OutputInfo(replace(source.info, live=True))
            path = tmp_path / f"{cut_short}{ending}"
            with VideoSink(path, info, QUICK) as sink:
                for frame in source:
                    sink.write(Output(frame, frame.picture, None, None))
                sink.finish(cut_short=cut_short)
        np.testing.assert_allclose(reference.picture_times_s(path), times_s, atol=0.0006)
        if ending in (".mp4", ".mov"):
            assert "moof" not in boxes(path)


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize("num_frames", [16, 17])
def test_the_last_frame_is_seen_wherever_it_ends(
    tmp_path: Path, ending: str, num_frames: int
) -> None:
    clip, path = tmp_path / "clip.mkv", tmp_path / f"out{ending}"
    times_s = reference.irregular_clip(clip, num_frames=40)[:num_frames]
    with VideoSource(str(clip)) as source:
        info = OutputInfo(replace(source.info, live=True))
        with VideoSink(path, info, SinkOptions(preset="veryfast")) as sink:  # with B-frames
            for frame in itertools.islice(source, num_frames):
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=True)
    np.testing.assert_allclose(reference.picture_times_s(path), times_s, atol=0.0006)


def test_a_keyframe_each_second(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoSink(path, LARGE, SinkOptions(preset="veryfast")) as sink:
        write(sink, 100, LARGE)
        sink.finish(cut_short=False)
    fps = float(LARGE.stream.fps or 0)
    shown = reference.log("-skip_frame", "nokey", "-i", path, "-vf", "showinfo", "-f", "null", "-")
    assert len(re.findall(r"Parsed_showinfo.* n: *\d+ ", shown)) >= 100 / fps


def boxes(path: Path) -> list[str]:
    """Return what an MP4 consists of."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        num_bytes, kind = struct.unpack(">I4s", data[at : at + 8])
        if num_bytes == 1:
            (num_bytes,) = struct.unpack(">Q", data[at + 8 : at + 16])
        found.append(kind.decode())
        at += num_bytes
    return found


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_one_whose_encoder_is_killed_is_kept(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    with VideoSink(path, LIVE, QUICK) as sink:
        write(sink, 100)
        wait_for(lambda: length_s(part_in(tmp_path)) is not None)
        kill_encoder()
        with pytest.raises(
            StreamError, match=r"written further \(.*SIGKILL\); the first .* s are kept"
        ):
            write(sink, 100)
        with pytest.raises(StreamError, match=r"the first .* s are kept"):
            sink.finish(cut_short=True)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert 10 < len(reference.picture_packets_s(path)) < 100


def test_one_that_cannot_be_completed_is_kept_beside_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("old")
    with VideoSink(path, LIVE, replace(QUICK, overwrite=True)) as sink:
        write(sink, 100)
        wait_for(lambda: length_s(part_in(tmp_path)) is not None)
        kill_encoder()
        with pytest.raises(StreamError, match=r"the first .* s are kept as out-2\.mp4"):
            sink.finish(cut_short=True)
    assert path.read_text() == "old"
    assert reference.picture_packets_s(tmp_path / "out-2.mp4")


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_full_disk_keeps_what_there_is(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    with small_files(2_000_000), VideoSink(path, LARGE, QUICK) as sink:
        with pytest.raises(StreamError, match=r"further .*the first .* s are kept") as error:
            write_all(sink, noisy_outputs(400, LARGE))
    assert "\n" not in str(error.value)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert reference.picture_packets_s(path)


def test_full_disk_while_the_sound_is_cut_off_keeps_all(demo_clip: Path, tmp_path: Path) -> None:
    path, messages = tmp_path / "out.mp4", []
    with VideoSource(str(demo_clip)) as source:
        info = OutputInfo(replace(LARGE.stream, contents=source.info.contents))
    with VideoSink(path, info, replace(QUICK, on_message=messages.append)) as sink:
        write(sink, 50, info)
        with small_files(10_000):
            sink.finish(cut_short=True)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert len(reference.picture_packets_s(path)) == 50
    (message,) = messages
    assert message.startswith(f"{path}: its sound goes on after its picture (")


def test_one_that_is_left_is_completed(tmp_path: Path) -> None:
    messages: list[str] = []
    path = tmp_path / "out.mp4"
    with VideoSink(path, LIVE, replace(QUICK, on_message=messages.append)) as sink:
        write(sink, 50)
    assert len(reference.picture_packets_s(path)) == 50
    assert messages == [f"{path}: not finished; the first 2.0 s are kept"]


def test_one_that_takes_too_long_to_complete_is_kept_as_far_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.sinks.video._LEAVING_S", 0.1)
    path = tmp_path / "out.mp4"
    with VideoSink(path, LIVE, QUICK) as sink:
        write(sink, 100)
        wait_for(lambda: length_s(part_in(tmp_path)) is not None)
        psutil.Process().children()[0].suspend()
    assert 10 < len(reference.picture_packets_s(path)) < 100


def test_one_that_cannot_be_kept_now_is_left_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*paths: Path) -> None:
        raise PermissionError(13, "Permission denied")

    messages: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("stream.files.recording.give_free_name", refuse)
        with VideoSink(
            tmp_path / "out.mp4", LIVE, replace(QUICK, on_message=messages.append)
        ) as sink:
            write(sink, 50)
    part = part_in(tmp_path)
    assert messages == [f"{sink.path}: not finished; what there is stays in {part}"]
    with VideoSink(
        tmp_path / "other.mp4", LIVE, replace(QUICK, on_message=messages.append)
    ) as sink:
        assert "out.mp4: recovered, 2.0 s" in messages[1]
    assert [each.name for each in tmp_path.iterdir()] == ["out.mp4"]


def test_two_of_one_name_are_both_kept(tmp_path: Path) -> None:
    messages: list[str] = []
    path = tmp_path / "out.mp4"
    options = replace(QUICK, on_message=messages.append)
    with VideoSink(path, LIVE, options) as first, VideoSink(path, LIVE, options) as second:
        for sink in (first, second):
            write(sink, 10)
            sink.finish(cut_short=False)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out-2.mp4", "out.mp4"]
    assert messages == [f"{path}: exists; written as out-2.mp4"]
    assert second.path == tmp_path / "out-2.mp4"


def test_recovered_ones_do_not_get_names_of_this_run(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        with VideoSink(tmp_path / name, LIVE, QUICK) as sink:
            write(sink, 10)
            sink.finish(cut_short=False)
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (tmp_path / name).rename(Unfinished(tmp_path / name, RECORDING).path)
    wanted = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    with VideoSink(tmp_path / "a.mp4", LIVE, replace(QUICK, output_paths=wanted)):
        pass
    assert {each.name for each in tmp_path.iterdir()} == {"a-2.mp4", "b-2.mp4", "c.mp4"}


def test_a_file_job_is_deleted_as_before_and_so_are_its_parts(tmp_path: Path) -> None:
    left = Unfinished(tmp_path / "out.mp4", PART).path
    left.write_text("left")
    with VideoSink(tmp_path / "out.mp4", OutputInfo(SMALL), QUICK) as sink:
        assert not left.exists()
        write(sink, 50, OutputInfo(SMALL))
    assert list(tmp_path.iterdir()) == []


def test_an_ffmpeg_that_cannot_join_the_pieces_leaves_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "_knows_hybrid", lambda ffmpeg: False)
    with VideoSink(tmp_path / "out.mp4", LIVE, QUICK) as sink:
        write(sink, 80)
        sink.finish(cut_short=False)
    assert boxes(tmp_path / "out.mp4").count("moof") > 2
    assert len(reference.picture_packets_s(tmp_path / "out.mp4")) == 80


@pytest.mark.skipif(sys.platform != "linux", reason="others do not tell where it lies")
@pytest.mark.parametrize("info", [LIVE, SMALL_FILE], ids=["recording", "job"])
@pytest.mark.parametrize("fate", ["finished", "encoder killed", "left"])
def test_one_whose_folder_is_moved_goes_with_it(
    tmp_path: Path, info: OutputInfo, fate: str
) -> None:
    told: list[str] = []
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    options = replace(QUICK, on_message=told.append)
    with VideoSink(before / "talk.mp4", info, options) as sink:
        write(sink, 40, info)
        (part,) = before.iterdir()
        # a header alone is no recording
        wait_for(lambda: length_s(part) if info is LIVE else part.stat().st_size)
        before.rename(after)
        before.mkdir()  # somebody makes another one of that name
        write(sink, 40, info)
        if fate == "encoder killed":
            sink.interrupt()
        if fate != "left":
            with suppress(StreamError):
                sink.finish(cut_short=True)
    # of a file that can be made anew ffmpeg wants the beginning again, under the name that it had
    assert [path.name for path in after.iterdir()] == ["talk.mp4"] * (info is LIVE)
    assert not [*before.iterdir()]
    assert f"{before / 'talk.mp4'}: its folder was moved to {after}" in told


@pytest.mark.parametrize(
    ("ending", "from_s"),
    [(".mkv", 0.0), (".mp4", 0.4)],  # of which the first copies it
)
def test_one_that_is_ended_waits_for_no_sound_of_later(
    tmp_path: Path, ending: str, from_s: float
) -> None:
    film, out = tmp_path / "film.mkv", tmp_path / f"a{ending}"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=1")
    sound = ("-f", "lavfi", "-i", "sine=duration=60")
    reference.ffmpeg(*picture, *sound, "-c:v", "libx264", "-preset", "ultrafast", film)
    with VideoSource(str(film)) as source:
        info = OutputInfo(replace(source.info, live=True))
    with VideoSink(out, info, QUICK, excerpt=from_s > 0) as sink:
        for each in noisy_outputs(20, info):
            frame = replace(each.frame, time_s=each.frame.time_s + from_s)
            sink.write(replace(each, frame=frame))
        began_s = time.monotonic()
        sink.finish(cut_short=True)
        assert time.monotonic() - began_s < 9  # less than where nothing is known of the sound
    assert len(reference.picture_packets_s(out)) == 20
    sound_s = reference.sound_packets_s(out)
    assert sound_s[0][0] < 0.1
    assert 0.6 < sound_s[-1][1] < 0.85
