"""Sound whose clock starts over, as in joined recordings."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from stream.ffmpeg.process import executable
from stream.ffmpeg.sound import clock_output, source_input
from stream.sources.video import VideoSource
from tests.ffmpeg_reference import ffmpeg, sound_packets_s

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
