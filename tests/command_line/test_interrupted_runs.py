"""Runs that are ended from outside: what is left of them, and the exit code."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.command_line.failing import files
from tests.folders import ROOT


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_ctrl_c_leaves_a_playable_video_whose_sound_ends_with_it(demo_clip, tmp_path, number):
    from stream.sources.video import VideoSource

    out = tmp_path / "out.mp4"
    with start(demo_clip, "--realtime", "-o", out) as process:
        wait_for(lambda: any(path.stat().st_size > 0 for path in tmp_path.iterdir()))
        time.sleep(2)
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert files(tmp_path) == ["out.mp4"]
    with VideoSource(str(out)) as video:
        times = [frame.time_s for frame in video]
        assert video.info.contents is not None
        assert video.info.contents.sound
        duration_s = video.info.duration_s
    assert 0.3 < times[-1] < 8
    assert duration_s == pytest.approx(times[-1], abs=0.15)


def test_ctrl_c_ends_the_wait_for_a_source_that_does_not_come(tmp_path):
    with start("udp://127.0.0.1:9", "-o", tmp_path / "out.mp4") as process:
        children = psutil.Process(process.pid).children
        wait_for(lambda: any("ffmpeg" in one.name() for one in children()))
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=10)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert files(tmp_path) == []


@pytest.mark.parametrize("pause_s", [0.06, 0.1])
def test_ctrl_c_again_and_again_is_quick_and_leaves_nothing(demo_clip, tmp_path, pause_s):
    with start(demo_clip, "--realtime", "-o", tmp_path / "out.mp4") as process:
        wait_for(lambda: any(path.stat().st_size > 0 for path in tmp_path.iterdir()))
        began = time.monotonic()
        for _ in range(8):  # those of the first 0.3 s are one
            process.send_signal(signal.SIGINT)
            time.sleep(pause_s)
        process.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert process.returncode in (130, -signal.SIGINT)  # the last may come when Python ends
    assert files(tmp_path) in ([], ["out.mp4"])


def test_killed_ffmpeg_is_one_line_and_leaves_nothing(demo_clip, tmp_path):
    out = tmp_path / "out.mp4"
    with start(demo_clip, "-o", out) as process:
        encoders: list[psutil.Process] = []

        def encodes() -> bool:
            with contextlib.suppress(psutil.Error):
                children = psutil.Process(process.pid).children()
                encoders[:] = [one for one in children if "pipe:0" in one.cmdline()]
            return bool(encoders)

        wait_for(encodes)
        encoders[0].kill()
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in told
    assert told.splitlines()[-1].startswith(f"error: {out}: could not be written (ffmpeg was ended")
    assert files(tmp_path) == []


NETWORK_COMPUTES = """
import sys, time
import numpy as np
import run
from segmentation import load
from stream.segmenter_thread import SegmenterThread

def main():
    segment = load("portrait").segment
    image = np.zeros((1, 480, 640, 3), np.uint8)
    segment(image)
    thread = SegmenterThread()
    thread.submit(lambda: [segment(image) for _ in range(10_000)])
    time.sleep(0.1)
    print("as told", flush=False)
    return 7

run.main = main
run.program()
"""


def test_a_network_that_still_computes_does_not_abort_the_process():
    command = [sys.executable, "-c", NETWORK_COMPUTES]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr, ended.stdout) == (7, "", "as told\n")
