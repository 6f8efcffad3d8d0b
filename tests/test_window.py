"""The window, on a virtual screen, with real keys."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stream.window import display_available

ROOT = Path(__file__).resolve().parents[1]

needs_screen = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="needs Xvfb and xdotool"
)


@pytest.fixture
def screen():
    """Number of a virtual screen, as `DISPLAY` wants it."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x800x24"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(timeout=10)


def start(arguments: list[str], display: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DISPLAY": display}
    environment.pop("WAYLAND_DISPLAY", None)
    return subprocess.Popen(
        [sys.executable, "run.py", *arguments],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def xdotool(display: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["xdotool", *arguments],
        env={**os.environ, "DISPLAY": display},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def wait_for_window(display: str) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = xdotool(display, "search", "--name", "^maskcast$").stdout.split()
        if found:
            return found[-1]
        time.sleep(0.1)
    raise AssertionError("no window appeared")


@needs_screen
@pytest.mark.parametrize("how", ["key", "close"])
def test_window_ends_by_key_or_by_closing_it(screen, how):
    with start(["demo:"], screen) as process:
        try:
            window = wait_for_window(screen)
            time.sleep(1)
            if how == "key":
                xdotool(screen, "windowfocus", window)
                xdotool(screen, "key", "q")
            else:
                xdotool(screen, "windowclose", window)
            _, told = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0, told
    assert "Traceback" not in told


@pytest.mark.parametrize("display", ["", ":987", "nowhere:0"])
def test_no_display_is_one_line(display):
    with start(["demo:"], display) as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    errors = [line for line in told.splitlines() if line.startswith("error:")]
    assert errors == [
        "error: window: there is no display; write to a file instead, as in -o out.mp4"
    ]
    assert "Traceback" not in told


def test_display_is_looked_for(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":987")
    assert not display_available()
