"""Processes of ffmpeg, and the container that goes into them."""

from __future__ import annotations

import os
import threading
import zlib
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from stream.doctor.examination import _ffmpeg
from stream.errors import StreamError
from stream.ffmpeg import process as ffmpeg_process
from stream.ffmpeg.encoding import nut
from stream.ffmpeg.process import Ffmpeg, executable, log_of
from stream.ffmpeg.timestamped_output import MARK, Timestamp, TimestampedOutput
from tests.ffmpeg_reference import ffmpeg


@pytest.mark.parametrize(
    ("pixels", "shape"), [("rgb24", (6, 8, 3)), ("rgba", (6, 8, 4)), ("yuv420p", (9, 8))]
)
def test_ffmpeg_reads_our_nut_exactly(pixels: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    times = [0, 1, 127, 128, 70_000, 5_000_000_000]
    images = rng.integers(0, 256, (len(times), *shape), np.uint8)
    data = nut.file_header(
        (6, 8),
        pixels,
        time_base=Fraction(1, 15360),
        pixel_aspect=Fraction(128, 117),
        fps=Fraction(30000, 1001),
    )
    for time, image in zip(times, images, strict=True):
        data += nut.frame_header(time, image.nbytes) + image.tobytes()
    options = ("-fps_mode", "passthrough", "-enc_time_base", "demux", "-f", "framecrc", "-")
    listed = ffmpeg("-f", "nut", "-i", "pipe:0", *options, data=data).decode()
    assert "#tb 0: 1/15360" in listed
    assert "#dimensions 0: 8x6" in listed
    assert "#sar 0: 128/117" in listed
    rows = [line.split(",") for line in listed.splitlines() if not line.startswith("#")]
    assert [int(row[2]) for row in rows] == times
    sums = [zlib.adler32(image.tobytes(), 0) for image in images]
    assert [int(row[5], 16) for row in rows] == sums


def test_timestamps_survive_a_torn_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text(
        "#!/bin/sh\n"
        "echo '[info] Input #0' >&2\n"
        # a title that looks like a timestamp
        "echo '[info]     title           : #frame 0 1/25' >&2\n"
        f"echo '{MARK} -3 1/25' >&2\n"
        f"printf '[vf#0:0 @ 0x1] [verbose] {MARK} 1280 1/19200\\nTerminating\\n' >&2\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(script))
    output = TimestampedOutput([])
    with closing(output.process):
        assert output.next_timestamp(5) == Timestamp(-3, Fraction(1, 25))
        assert output.next_timestamp(5) == Timestamp(1280, Fraction(1, 19200))
        assert output.next_timestamp(5) is None
        assert output.header[0] == "[info] Input #0"
        assert len(output.header) == 2


def test_waiting_for_a_timestamp_has_an_end() -> None:
    output = TimestampedOutput(["-re", "-f", "lavfi", "-i", "testsrc2", "-f", "null", "-"])
    with closing(output.process):
        with pytest.raises(TimeoutError):
            output.next_timestamp(0.01)


def test_missing_binary_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "absent"))
    with pytest.raises(StreamError, match=r"absent: cannot be run .*IMAGEIO_FFMPEG_EXE"):
        Ffmpeg([])


def test_closing_leaves_nothing_behind() -> None:
    threads = threading.active_count()
    endless = ["-f", "lavfi", "-i", "testsrc2", "-f", "rawvideo", "pipe:1"]
    with closing(Ffmpeg(endless, pipe_out=True)) as process:
        child = psutil.Process(process.pid)
        assert process.read_into(memoryview(bytearray(1000)))
        # Ctrl-C goes to a whole group of processes.
        assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
    assert not child.is_running()
    assert threading.active_count() == threads


def test_failure_names_the_signal_or_the_last_error(tmp_path: Path) -> None:
    with closing(Ffmpeg(["-f", "lavfi", "-i", "testsrc2", "-f", "null", "-"])) as process:
        process.kill()
        assert process.wait() < 0
        assert process.failure() == "ffmpeg was ended by SIGKILL"
    with closing(Ffmpeg(["-i", f"file:{tmp_path}/absent.mp4"])) as process:
        assert process.wait() > 0
        assert "No such file" in process.failure()


@pytest.mark.parametrize(
    ("version", "is_refused"), [("5.1.9-0+deb12u1", True), ("n6.0", True), ("6.1", False)]
)
def test_an_old_ffmpeg_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, is_refused: bool
) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text(f"#!/bin/sh\necho ffmpeg version {version} Copyright\n")
    script.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(script))
    if not is_refused:
        assert executable() == str(script)
        return
    with pytest.raises(StreamError, match=r"ffmpeg: is ffmpeg [56]\.\d, and 6\.1 is needed"):
        executable()
    (finding, *_) = _ffmpeg()
    assert finding.state == "wrong"
    assert "6.1 is needed" in finding.text


@pytest.fixture
def num_killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ffmpeg is killed as soon as it has started, as often as the list has items."""
    left: list[int] = []

    class Killed(Ffmpeg):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            if left:
                left.pop()
                self.kill()

    monkeypatch.setattr(ffmpeg_process, "Ffmpeg", Killed)
    return left


def test_a_question_to_ffmpeg_that_was_killed_is_put_again(num_killed: list[int]) -> None:
    question = ["-re", "-f", "lavfi", "-i", "testsrc2=duration=0.5", "-f", "null", "-"]
    num_killed[:] = [1]
    assert any("testsrc2" in line for line in log_of(question))
    num_killed[:] = [1, 1]
    with pytest.raises(StreamError, match="SIGKILL as it looked at what is to be read"):
        log_of(question)
