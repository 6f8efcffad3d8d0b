"""Processes whose starter was killed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from stream.ffmpeg.process import Ffmpeg
from tests.ffmpeg_reference import picture_times_s
from tests.folders import ROOT
from tests.stand_ins.senders import free_port

linux = pytest.mark.skipif(sys.platform != "linux", reason="only there the kernel does it")


def starter(program: str, *arguments: str) -> subprocess.Popen[str]:
    text = "import sys, time\nfrom stream.ffmpeg.process import Ffmpeg\n" + program
    command = [sys.executable, "-c", text, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def is_over(pid: int, *, within_s: float = 10.0) -> bool:
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    psutil.Process(pid).kill()
    return False


@linux
def test_what_reads_a_silent_network_ends_with_a_killed_program() -> None:
    program = (
        "process = Ffmpeg(['-i', sys.argv[1], '-f', 'rawvideo', 'pipe:1'], pipe_out=True)\n"
        "print(process.pid, flush=True)\ntime.sleep(60)\n"
    )
    with starter(program, f"udp://127.0.0.1:{free_port()}") as program_:
        assert program_.stdout is not None
        pid = int(program_.stdout.readline())
        time.sleep(0.5)
        assert psutil.pid_exists(pid)
        program_.kill()
    assert is_over(pid)


def test_what_reads_outlives_the_thread_that_started_it() -> None:
    endless = ["-re", "-f", "lavfi", "-i", "testsrc2=size=16x16", "-f", "rawvideo", "pipe:1"]
    made: list[Ffmpeg] = []
    thread = threading.Thread(target=lambda: made.append(Ffmpeg(endless, pipe_out=True)))
    thread.start()
    thread.join()
    with closing(made[0]) as process:
        assert process.read_into(memoryview(bytearray(16 * 16 * 10)))
        assert psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE


def test_what_writes_completes_its_file_when_the_program_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    program = (
        "raw = ['-f', 'rawvideo', '-pixel_format', 'gray', '-video_size', '16x16']\n"
        "raw += ['-i', 'pipe:0']\n"
        "process = Ffmpeg([*raw, '-c:v', 'ffv1', sys.argv[1]], pipe_in=True)\n"
        "process.write(bytes(256 * 50))\n"
        "print(process.pid, flush=True)\ntime.sleep(60)\n"
    )
    with starter(program, str(path)) as program_:
        assert program_.stdout is not None
        pid = int(program_.stdout.readline())
        program_.kill()
    assert is_over(pid)
    assert len(picture_times_s(path)) == 50


@linux
def test_what_writes_and_has_more_to_read_completes_its_file_as_well(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    program = (
        "raw = ['-f', 'rawvideo', '-pixel_format', 'gray', '-video_size', '16x16']\n"
        "raw += ['-i', 'pipe:0']\n"
        "sound = ['-readrate', '1', '-f', 'lavfi', '-i', 'anullsrc']\n"
        "command = [*raw, *sound, '-c:v', 'ffv1', '-c:a', 'flac', sys.argv[1]]\n"
        "process = Ffmpeg(command, pipe_in=True, has_more=True)\n"
        "process.write(bytes(256 * 50))\n"
        "print(process.pid, flush=True)\ntime.sleep(60)\n"
    )
    with starter(program, str(path)) as program_:
        assert program_.stdout is not None
        pid = int(program_.stdout.readline())
        time.sleep(1.5)  # until it has read that
        assert psutil.pid_exists(pid)
        program_.kill()
    assert is_over(pid), "sound goes on"
    assert len(picture_times_s(path)) == 50
