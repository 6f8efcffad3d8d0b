"""Sound on its way to the network: what is shorter or longer than the picture, and reconnection."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from stream.frame import OutputInfo
from stream.sinks.network import NetworkSink
from stream.sinks.parts.options import SinkOptions
from stream.sources.realtime import RealTime
from stream.sources.video import VideoSource
from tests.ffmpeg_reference import ffmpeg, picture_times_s
from tests.stand_ins.fakes import output_of

pytestmark = pytest.mark.usefixtures("nothing_left_over")

FPS = 25


def clip_of(folder: Path, *, picture_s: float, sound_s: float) -> Path:
    path = folder / "clip.mkv"
    ffmpeg(
        *("-f", "lavfi", "-t", str(picture_s), "-i", f"testsrc2=size=64x48:rate={FPS}"),
        *("-f", "lavfi", "-t", str(sound_s), "-i", "sine=sample_rate=44100", "-c:a", "flac", path),
    )
    return path


def sound_s(path: Path) -> float:
    """How long the sound lasts."""
    return len(ffmpeg("-i", path, "-map", "0:a:0", "-ac", "1", "-f", "s16le", "-")) / 2 / 48_000


def newest_child() -> psutil.Process:
    """The ffmpeg started last, which sends."""
    return max(psutil.Process().children(), key=lambda child: child.create_time())


def send(clip: Path, folder: Path, *, kill_at: int = -1) -> list[str]:
    """Send a clip in real time to a live folder, and kill the process that writes it on the way."""
    told: list[str] = []
    with ExitStack() as stack:
        source = stack.enter_context(RealTime(VideoSource(str(clip))))
        sink = stack.enter_context(
            NetworkSink(
                f"hls:{folder}/",
                OutputInfo(source.info),
                SinkOptions(preset="ultrafast", crf=25, on_message=told.append),
            )
        )
        for frame in source:
            if frame.index == kill_at:
                newest_child().kill()
            sink.write(output_of(frame.image, frame.index, frame.time_s))
        sink.finish(cut_short=False)
    return told


@pytest.mark.parametrize("seconds", [1.0, 6.0, 20.0])
def test_picture_is_whole_however_long_the_sound_is(tmp_path, seconds):
    clip = clip_of(tmp_path, picture_s=6.0, sound_s=seconds)
    told = send(clip, tmp_path / "web")
    left_out = [re.search(r": (\d+) frames were left out$", text) for text in told]
    num_left_out = sum(int(match[1]) if match else 6 * FPS for match in left_out)
    assert (
        num_left_out < FPS
    )  # of a machine that has much else to do; without a pause there are none
    playlist = tmp_path / "web" / "index.m3u8"
    assert len(picture_times_s(playlist)) == 6 * FPS - num_left_out
    assert sound_s(playlist) == pytest.approx(min(seconds, 6.0), abs=1.0)


def test_a_connection_made_anew_after_the_sound_has_ended_has_none(tmp_path):
    clip = clip_of(tmp_path, picture_s=6.0, sound_s=1.0)
    told = send(clip, tmp_path / "web", kill_at=3 * FPS)
    assert [text.split(": ")[1][:4] for text in told[:2]] == ["lost", "back"], told
    assert len(picture_times_s(tmp_path / "web" / "index.m3u8")) > FPS


def test_a_long_sound_is_not_read_into_memory(tmp_path):
    clip = clip_of(tmp_path, picture_s=1.0, sound_s=900.0)
    with VideoSource(str(clip)) as source:
        frames, info = list(source), source.info
    with NetworkSink(
        f"hls:{tmp_path / 'web'}/",
        OutputInfo(info),
        SinkOptions(preset="ultrafast", crf=25, on_message=pytest.fail),
    ) as sink:
        for frame in frames[:20]:
            sink.write(output_of(frame.image, frame.index, frame.time_s))
        time.sleep(3)  # enough for all of it
        used = newest_child().memory_info().rss
        sink.finish(cut_short=True)
    assert used < 250e6
    playlist = tmp_path / "web" / "index.m3u8"
    playlist.write_text(playlist.read_text() + "#EXT-X-ENDLIST\n")  # or ffmpeg waits for more
    assert sound_s(playlist) < 60


def test_damaged_sound_holds_no_picture_up(tmp_path):
    whole, clip, out = tmp_path / "whole.mkv", tmp_path / "damaged.mkv", tmp_path / "out"
    picture = ("-f", "lavfi", "-t", "2", "-i", f"testsrc2=size=64x48:rate={FPS}")
    ffmpeg(*picture, "-f", "lavfi", "-t", "2", "-i", "sine=sample_rate=44100", "-c:a", "ac3", whole)
    ffmpeg("-i", whole, "-c", "copy", "-bsf:a", r"noise=amount=if(gt(n\,3)\,1\,-1)", clip)
    told = send(clip, out)
    assert told[0] == f"hls:{out}/: without sound (ac3), which is damaged"
    assert not any("lost" in line for line in told)
    # a machine that is busy with other things may leave out some
    assert len(picture_times_s(out / "index.m3u8")) > FPS
