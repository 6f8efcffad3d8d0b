"""Sound whose clock starts over, as in joined recordings."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stream.ffmpeg import sound as sound_of_sources
from stream.ffmpeg.process import Ffmpeg, executable
from stream.ffmpeg.sound import clock_output, is_mostly_damaged, source_input, why_no_sound
from stream.sources.video import VideoSource
from tests.ffmpeg_reference import ffmpeg, sound_packets_s
from tests.inputs.films import copied
from tests.stand_ins.senders import web_folder

pytestmark = pytest.mark.usefixtures("nothing_left_over")


@pytest.mark.parametrize("second_s", [0, 40_000])
def test_sound_goes_on_with_the_picture(tmp_path: Path, second_s: int) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=2")
    sound = ("-f", "lavfi", "-i", "sine=duration=2")
    joined = b""
    for first_s in (0, second_s, 0):
        coded = ("-c:v", "mpeg2video", "-c:a", "aac", "-output_ts_offset", str(first_s))
        ffmpeg(*picture, *sound, *coded, tmp_path / "part.ts")
        joined += (tmp_path / "part.ts").read_bytes()
    path, copied = tmp_path / "joined.ts", tmp_path / "sound.mkv"
    path.write_bytes(joined)
    with VideoSource(str(path)) as source:
        times = [frame.time_s for frame in source]
    assert source.info.contents is not None
    sound_only = ("-map", "0:a:0", "-c", "copy", copied)
    further = clock_output(source.info.contents, 0)
    command = [executable(), "-v", "error", *source_input(source.info.contents, 0.0)]
    subprocess.run([*command, *sound_only, *further], check=True)
    starts = [start_s for start_s, _ in sound_packets_s(copied)]
    assert len(times) == 60
    assert np.diff(starts).min() >= 0
    assert np.diff(starts).max() < 0.05
    # of the last part, too, the sound is up to two packets longer than the picture, and no more
    assert abs((starts[-1] - starts[0]) - (times[-1] - times[0])) < 0.1 + 0.06


@pytest.mark.parametrize(
    ("num_kills", "why"), [(1, ""), (2, "cannot be tried: ffmpeg was killed twice")]
)
def test_a_track_whose_trial_was_killed_is_tried_again_and_never_silently_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_kills: int, why: str
) -> None:
    clip, killed = tmp_path / "clip.mkv", list[Ffmpeg]()
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1")
    ffmpeg(*picture, "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", clip)

    class Killed(Ffmpeg):
        def read_into(self, buffer: memoryview) -> bool:
            if len(killed) < num_kills:
                killed.append(self)
                self.kill()
                self.wait()
                return False
            return bool(super().read_into(buffer))

    with VideoSource(str(clip)) as source:
        contents = source.info.contents
    assert contents is not None
    monkeypatch.setattr(sound_of_sources, "Ffmpeg", Killed)
    assert why_no_sound(contents, contents.sound[0], ["-c:a", "pcm_s16le"]) == why
    assert len(killed) == num_kills


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names")
def test_a_file_that_is_read_slowly_holds_no_picture_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, pipe = tmp_path / "clip.mkv", tmp_path / "pipe"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1")
    ffmpeg(*picture, "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", clip)
    with VideoSource(str(clip)) as source:
        contents = source.info.contents
    assert contents is not None
    os.mkfifo(pipe)
    monkeypatch.setattr(sound_of_sources, "_PATIENCE_S", 0.1)
    slow = replace(contents, address=str(pipe))
    assert not is_mostly_damaged(slow, contents.sound[0], 0.0)


@pytest.mark.parametrize("name", ["list.m3u8", "list"])
def test_sound_of_a_playlist_comes_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    served, out = tmp_path / "served", tmp_path / "out.mp4"
    served.mkdir()
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=2")
    sound = ("-f", "lavfi", "-i", "sine=duration=2", "-c:a", "aac", "-c:v", "libx264", "-g", "10")
    pieces = ("-hls_time", "1", "-hls_segment_filename", served / "%d.ts")
    ffmpeg(*picture, *sound, *pieces, served / "list.m3u8")
    text = (served / "list.m3u8").read_text()
    for path in sorted(served.glob("?.ts")):  # a server of pictures takes them as these
        path.rename(path.with_suffix(".jpg"))
    (served / "list.m3u8").unlink()
    (served / name).write_text(text.replace(".ts", ".jpg"))
    with web_folder(served) as address:
        assert copied(f"{address}/{name}", out) == []
    assert sound_packets_s(out)[-1][1] > 1.8
