"""A virtual screen with real keys and a mouse, for tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.folders import ROOT

needs_screen = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="needs Xvfb and xdotool"
)


@contextlib.contextmanager
def virtual_screen(size: str = "1280x800") -> Iterator[str]:
    """Run an X server of that size; its name is what `DISPLAY` wants."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()
    try:
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def start(arguments: list[str], display: str, cwd: Path = ROOT) -> subprocess.Popen[str]:
    """Start the program on a display, in a folder."""
    environment = {**os.environ, "DISPLAY": display}
    environment.pop("WAYLAND_DISPLAY", None)
    return subprocess.Popen(
        [sys.executable, ROOT / "run.py", *arguments],
        cwd=cwd,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def xdotool(display: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Type, click or look for a window."""
    return subprocess.run(
        ["xdotool", *arguments],
        env={**os.environ, "DISPLAY": display},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def wait_for_window(display: str, title: str = "maskcast") -> str:
    """Return the number of the window with that title, as soon as it is there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = xdotool(display, "search", "--name", f"^{title}$").stdout.split()
        if found:
            return found[-1]
        time.sleep(0.1)
    raise AssertionError("no window appeared")
