"""The display under a window stops answering or ends, while a recording runs."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.ffmpeg_reference import ffmpeg, picture_times_s
from tests.users import screens
from tests.users.screens import needs_screen, server_of, start, virtual_screen, wait_for_window

pytestmark = needs_screen

SILENT = "window: its display does not answer; all else goes on"
BACK = "window: its display answers again"
ENDED = "window: its display has ended; the run ends with it"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute."""
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    picture = "testsrc2=size=160x120:rate=10:duration=60"
    ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "mpeg2video", path)
    return path


class Shown(NamedTuple):
    """A run with a window and a recording, and its X server."""

    process: subprocess.Popen[str]
    server: psutil.Process
    folder: Path

    def wait_for(self, line: str) -> None:
        assert self.process.stderr is not None
        while (told := self.process.stderr.readline()) != f"{line}\n":
            assert told, f"ended without: {line}"
            assert not told.startswith("error"), told

    def ends(self) -> tuple[int, str]:
        """Return exit code and what was told last."""
        assert self.process.stderr is not None
        told = self.process.stderr.read()
        return self.process.wait(10), told

    @property
    def recorded_s(self) -> float:
        times_s = picture_times_s(self.folder / "talk.mp4")
        assert [path.name for path in self.folder.iterdir()] == ["talk.mp4"]
        return times_s[-1] - times_s[0]


@contextlib.contextmanager
def shown(clip: Path, folder: Path, *options: str) -> Iterator[Shown]:
    arguments = [str(clip), *options, "--effect", "none", "-o", "window:", "-o", "talk.mp4"]
    with (
        tempfile.TemporaryDirectory() as memory,
        virtual_screen(memory=Path(memory)) as display,
    ):
        server = server_of(display)
        with start(arguments, display, folder) as process:
            too_long = threading.Timer(60, process.kill)
            too_long.start()
            try:
                wait_for_window(process, display)
                wait_until_it_moves(Path(memory))
                yield Shown(process, server, folder)
            finally:
                process.kill()
                too_long.cancel()
                with contextlib.suppress(psutil.NoSuchProcess):
                    server.resume()


def wait_until_it_moves(memory: Path) -> None:
    """Wait until a screen has shown several pictures: a window has 30 s for its first."""
    seen = {screens.shown(memory, (1280, 800)).tobytes()}
    deadline_s = time.monotonic() + 30
    while len(seen) < 10:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
        seen.add(screens.shown(memory, (1280, 800)).tobytes())


def test_all_else_goes_on_while_the_display_does_not_answer(clip: Path, tmp_path: Path) -> None:
    with shown(clip, tmp_path, "--realtime") as run:
        run.server.suspend()
        run.wait_for(SILENT)
        run.server.resume()
        run.wait_for(BACK)
        run.server.suspend()
        time.sleep(0.5)
        run.process.send_signal(signal.SIGINT)
        assert run.ends() == (130, "")
    assert run.recorded_s > 6


def test_a_file_is_finished_though_the_display_does_not_answer(clip: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.mkv"
    ffmpeg("-i", clip, "-t", "14", "-c", "copy", short)
    (tmp_path / "out").mkdir()
    with shown(short, tmp_path / "out") as run:
        run.server.suspend()
        run.wait_for(SILENT)
        assert run.ends() == (0, "")
    assert run.recorded_s == pytest.approx(14, abs=0.15)


@pytest.mark.parametrize("options", [["--realtime"], []])
def test_the_end_of_the_display_is_as_q(clip: Path, tmp_path: Path, options: list[str]) -> None:
    with shown(clip, tmp_path, *options) as run:
        run.server.kill()
        run.wait_for(ENDED)
        assert run.ends() == (0, "")
    assert 0.5 < run.recorded_s < 20


def test_a_window_that_is_killed_ends_alone(clip: Path, tmp_path: Path) -> None:
    killed = "window: its process was ended by SIGKILL"
    with shown(clip, tmp_path, "--realtime") as run:
        (window,) = (
            child
            for child in psutil.Process(run.process.pid).children()
            if any("show_window" in word for word in child.cmdline())
        )
        window.kill()
        run.wait_for(killed)
        time.sleep(1)
        run.process.send_signal(signal.SIGTERM)
        assert run.ends() == (1, f"error: {killed}\n")
    assert run.recorded_s > 1


def test_no_window_outlives_a_run_that_is_killed(clip: Path, tmp_path: Path) -> None:
    with shown(clip, tmp_path, "--realtime") as run:
        family = psutil.Process(run.process.pid).children()
        run.server.suspend()
        time.sleep(0.5)
        run.process.kill()
        _, left = psutil.wait_procs(family, 10)
        assert not left
