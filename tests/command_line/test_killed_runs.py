"""Runs that are killed: what the next one finds, and what it leaves of that."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import run
from segmentation.unfinished import PART, RECORDING, taken_over, unfinished_in
from stream.ffmpeg.length import length_s
from tests import ffmpeg_reference as reference
from tests.command_line.failing import failing, files
from tests.folders import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")


QUICK = ("--effect", "none", "--quality", "ultrafast:40")


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of a film, for runs after the one that was killed."""
    path = tmp_path_factory.mktemp("short") / "short.mp4"
    reference.ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=1", path)
    return path


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def killed(is_ready: Callable[[], bool], *arguments: str | Path, children: bool) -> None:
    """Start a run and kill it once it is ready; wait until its encoder has finished."""
    command = [sys.executable, str(ROOT / "run.py"), *map(str, arguments)]
    with psutil.Popen([*command, "--effect", "none"]) as process:
        wait_for(is_ready)
        left = process.children()
        process.send_signal(signal.SIGKILL)
        if children:
            for child in left:
                child.kill()
    psutil.wait_procs(left, 30)


def is_long_enough(folder: Path) -> bool:
    return any((length_s(part) or 0.0) > 1.0 for part in unfinished_in(folder, RECORDING))


def is_begun(folder: Path) -> bool:
    return any(part.stat().st_size > 0 for part in unfinished_in(folder, PART))


@pytest.mark.parametrize("children", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_recording_is_recovered_by_the_command(capfd, tmp_path, name, children):
    arguments = ("demo:", "--realtime", "-o", tmp_path / name)
    killed(lambda: is_long_enough(tmp_path), *arguments, children=children)
    assert run.main(["recover", str(tmp_path)]) == 0
    assert re.match(rf"{tmp_path}/{name}: recovered, \d+\.\d s", capfd.readouterr().out)
    assert files(tmp_path) == [name]
    assert (length_s(tmp_path / name) or 0.0) > 1.0
    assert run.main(["recover", str(tmp_path)]) == 0
    assert capfd.readouterr().out == f"{tmp_path}: nothing to recover\n"


def test_a_recording_that_was_cut_off_has_no_sound_of_later(capfd, tmp_path):
    film, out = tmp_path / "film.mkv", tmp_path / "a.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=60")
    sound = ("-f", "lavfi", "-i", "sine=duration=60")
    reference.ffmpeg(*picture, *sound, "-c:v", "libx264", "-preset", "ultrafast", film)
    killed(lambda: is_long_enough(tmp_path), film, "--realtime", "-o", out, children=False)
    assert run.main(["recover", str(tmp_path)]) == 0
    ends_s = reference.picture_packets_s(out)[-1], reference.sound_packets_s(out)[-1][1]
    assert ends_s[1] < ends_s[0] + 10


def test_a_recording_is_recovered_by_the_next_run_with_that_name(capfd, tmp_path, short):
    out = tmp_path / "a.mp4"
    arguments = ("demo:", "--realtime", "-o", out)
    killed(lambda: is_long_enough(tmp_path), *arguments, children=True)
    assert run.main([str(short), "-o", str(out), *QUICK]) == 0
    assert f"{tmp_path}/a-2.mp4: recovered" in capfd.readouterr().err
    assert files(tmp_path) == ["a-2.mp4", "a.mp4"]


def test_a_recording_that_runs_is_left_alone(capfd, tmp_path):
    with psutil.Popen(
        [sys.executable, str(ROOT / "run.py"), "demo:", "--realtime", "-o", str(tmp_path / "a.mp4")]
    ) as process:
        wait_for(lambda: is_long_enough(tmp_path))
        (part,) = unfinished_in(tmp_path, RECORDING)
        assert run.main(["recover", str(tmp_path)]) == 0
        assert capfd.readouterr().out == f"{tmp_path}/a.mp4: is still being written\n"
        assert part.exists()
        process.send_signal(signal.SIGINT)
    assert files(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize("children", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_job_is_begun_anew(tmp_path, short, children):
    out = tmp_path / "a.mp4"
    arguments = ("demo:", "-o", out)
    killed(lambda: is_begun(tmp_path), *arguments, children=children)
    (part,) = unfinished_in(tmp_path, PART)
    with taken_over(part) as is_left:
        assert is_left
    assert run.main(["recover", str(tmp_path)]) == 0
    assert run.main([str(short), "-o", str(tmp_path / "b.mp4"), *QUICK]) == 0
    assert part.exists(), "another output's"
    assert run.main([str(short), "-o", str(out), *QUICK]) == 0
    assert files(tmp_path) == ["a.mp4", "b.mp4"]


def test_a_folder_for_a_web_server_has_only_what_its_playlist_names(tmp_path, short):
    web = tmp_path / "web"
    arguments = ("demo:", "--realtime", "-o", f"hls:{web}/")
    killed(lambda: len([*web.glob("*.ts")]) > 1, *arguments, children=True)
    for name in ("maskcast-000099.ts", "maskcast-000098.ts.tmp", "index.m3u8.tmp"):
        (web / name).touch()
    assert run.main([str(short), "-y", "-o", f"hls:{web}/", *QUICK]) == 0
    named = re.findall(r"^[^#].*", (web / "index.m3u8").read_text(), re.MULTILINE)
    assert files(web) == sorted(["index.m3u8", *named])


def test_a_folder_to_recover_must_be_there(capfd, tmp_path):
    told = failing(capfd, 1, "recover", tmp_path / "no")
    assert told == f"error: {tmp_path}/no: cannot be read (No such file or directory)"
    (tmp_path / "file").touch()
    assert "cannot be read (Not a directory)" in failing(capfd, 1, "recover", tmp_path / "file")


def test_the_current_folder_is_looked_at_unless_another_is_named(capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run.main(["recover"]) == 0
    assert capfd.readouterr().out == ".: nothing to recover\n"
