"""What a command leaves of its outputs when something fails meanwhile."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cv2
import psutil
import pytest

from tests.command_line.failing import failing, files
from tests.command_line.test_interrupted_runs import start, wait_for
from tests.ffmpeg_reference import ffmpeg, picture_packets_s
from tests.stand_ins.small_disk import small_disk

QUICK = ("--effect", "none", "--quality", "ultrafast:20")
NOISE = ("-f", "lavfi", "-i", "nullsrc=size=320x240:rate=25,geq=random(1)*255:128:128")


@pytest.fixture(scope="module")
def noise(tmp_path_factory) -> Path:
    """Six seconds that take a lot of room."""
    path = tmp_path_factory.mktemp("noise") / "noise.mp4"
    ffmpeg(*NOISE, "-t", "6", "-c:v", "libx264", "-preset", "ultrafast", path)
    return path


def decoder(process: subprocess.Popen[str]) -> psutil.Process:
    """Return the ffmpeg that reads, when the one that writes runs as well."""
    children = psutil.Process(process.pid).children
    wait_for(lambda: len([one for one in children() if "ffmpeg" in one.name()]) == 2)
    return min(children(), key=lambda one: one.create_time())


def test_a_source_that_breaks_off_leaves_what_was_read(demo_clip, tmp_path):
    outputs = ("-o", tmp_path / "out.mkv", "-o", tmp_path / "web.jsonl")
    stats = tmp_path / "stats.json"
    with start(demo_clip, "--model", "portrait", *outputs, "--stats", stats) as process:
        reading = decoder(process)
        wait_for(lambda: any(path.stat().st_size > 20_000 for path in tmp_path.glob(".out*")))
        reading.kill()
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1, told
    assert "Traceback" not in told
    assert files(tmp_path) == ["out.mkv", "stats.json", "web.jsonl"]
    num = len(picture_packets_s(tmp_path / "out.mkv"))
    assert json.loads(stats.read_text())["frames"]["processed"] == num
    last = told.splitlines()[-1]
    assert last.startswith(f"error: {demo_clip}: broke off (ffmpeg was ended by SIGKILL); ")
    assert f"the first {num} frames (" in last
    assert last.endswith(" s) are kept")
    lines = (tmp_path / "web.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == num


@pytest.mark.parametrize("kind", ["out.mp4", "out.mkv", "pictures/", "hls:web/"])
def test_a_full_disk_ends_its_own_output_alone(noise, tmp_path, capfd, kind):
    good, name = tmp_path / "good.mkv", kind.removeprefix("hls:")
    with small_disk(tmp_path / "small", 300_000) as disk:
        bad = kind.replace(name, f"{disk}/{name}")
        line = failing(capfd, 1, noise, "-o", bad, "-o", good, *QUICK)
        assert "No space left on device" in line
        assert f"{disk}/{name}".rstrip("/") in line
        assert len(picture_packets_s(good)) == 150
        left = [path for path in disk.rglob("*") if path.is_file()]
        if kind == "pictures/":  # each of which is an output of its own
            assert all(cv2.imread(str(path)) is not None for path in left)
        else:
            assert left == []


def test_a_full_disk_is_one_line_where_there_is_no_other_output(noise, tmp_path, capfd):
    with small_disk(tmp_path / "small", 300_000) as disk:
        line = failing(capfd, 1, noise, "-o", f"hls:{disk}/web/", *QUICK)
        assert "No space left on device" in line
        assert files(disk) == []


def test_a_live_recording_ends_whole_before_its_disk_is_full(noise, tmp_path, capfd):
    good = tmp_path / "good.mkv"
    with small_disk(tmp_path / "small", 8_000_000) as disk:
        out = disk / "out.mkv"
        quality = ("--quality", "ultrafast:1", "--effect", "none", "--realtime")
        line = failing(capfd, 1, noise, "-o", out, "-o", good, *quality)
        assert line.startswith(f"error: {out}: ended, because its disk is almost full")
        assert files(disk) == ["out.mkv"]
        assert 20 < len(picture_packets_s(out)) < len(picture_packets_s(good))
