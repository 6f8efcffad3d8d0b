"""A virtual screen with real keys and a mouse, for tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
import pytest

from tests.folders import ROOT

needs_screen = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="needs Xvfb and xdotool"
)


needs_manager = pytest.mark.skipif(
    not shutil.which("openbox"), reason="needs a window manager, openbox"
)


@contextlib.contextmanager
def virtual_screen(size: str = "1280x800", memory: Path | None = None, *more: str) -> Iterator[str]:
    """Run an X server of that size; its name is what `DISPLAY` wants.

    In a folder for its memory it keeps what it shows, as `paint` and `shown` need it. More options
    may follow.

    The server takes a number that no other has, and tells it once it takes connections. It must
    not start anew whenever its last client leaves, as servers do: who comes just then is refused.
    """
    kept = [] if memory is None else ["-fbdir", str(memory)]
    reading, writing = os.pipe()
    with tempfile.TemporaryFile("w+") as told:
        screen = ("-screen", "0", f"{size}x24", "-noreset")
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), *screen, *kept, *more],
            pass_fds=[writing],
            stderr=told,
        )
        os.close(writing)
        try:
            with os.fdopen(reading) as pipe:
                number = pipe.readline().strip()
            told.seek(0)
            assert number, f"Xvfb did not start: {told.read()}"
            yield f":{number}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def server_of(display: str) -> psutil.Process:
    """Return the X server of a display, which has been started here."""
    socket = f"/tmp/.X11-unix/X{display.removeprefix(':')}"
    for process in psutil.Process().children():
        if process.name() == "Xvfb":
            if any(str(one.laddr).endswith(socket) for one in process.net_connections("unix")):
                return process
    raise OSError(f"no X server listens at {socket}")


@contextlib.contextmanager
def refusing_screen(folder: Path) -> Iterator[str]:
    """Run an X server that lets nobody in; a file in `folder` says so."""
    # a family of 252 others is allowed in, whoever asks is not of it
    (folder / "allowed").write_bytes(b"\0\xfc\0\0\0\0\0\x12MIT-MAGIC-COOKIE-1\0\x10" + bytes(16))
    with virtual_screen("640x480", None, "-auth", str(folder / "allowed")) as display:
        yield display


@contextlib.contextmanager
def window_manager(display: str) -> Iterator[None]:
    """Run openbox on a display: windows get a frame with buttons, and Alt+F4 closes them."""
    environment = {**os.environ, "DISPLAY": display}
    with subprocess.Popen(["openbox"], env=environment, stderr=subprocess.DEVNULL) as manager:
        try:
            deadline = time.monotonic() + 30
            while xdotool(display, "get_desktop").returncode:  # which only a manager knows
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield
        finally:
            manager.kill()


def paint(memory: Path, image: np.ndarray, at_xy: tuple[int, int]) -> None:
    """Show an image, (H, W, 3) RGB uint8, on the screen that keeps what it shows in that folder.

    No window is asked: the pixels are written to the server's own.
    """
    x, y = at_xy
    height, width, _ = image.shape
    screen = _pixels(memory, "r+")
    screen[y : y + height, x : x + width, :3] = image[..., ::-1]
    screen.flush()


def shown(memory: Path, size_wh: tuple[int, int]) -> np.ndarray:
    """Return what the upper left of that screen shows, (H, W, 3) RGB uint8."""
    width, height = size_wh
    return _pixels(memory, "r")[:height, :width, 2::-1].copy()


def _pixels(memory: Path, mode: Literal["r", "r+"]) -> np.memmap:
    """Return what a screen shows, (H, W, 4): blue, green, red and nothing.

    The server keeps it as an XWD file (X.Org, XWDFile.h): a header of 32-bit words, most
    significant byte first, a table of colours of 12 bytes each, and the rows.
    """
    path = memory / "Xvfb_screen0"
    header = np.fromfile(path, ">u4", 25)
    start = int(header[0] + 12 * header[19])
    return np.memmap(path, np.uint8, mode, start, (int(header[5]), int(header[12]) // 4, 4))


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


def wait_for_window(process: subprocess.Popen[str], display: str, title: str = "maskcast") -> str:
    """Return the number of the program's window as soon as it is on the screen.

    A program that ended will show none; what it said tells why.
    """
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        found = xdotool(display, "search", "--onlyvisible", "--name", f"^{title}$").stdout.split()
        if found:
            return found[-1]
        time.sleep(0.1)
    ended = process.poll()
    process.kill()
    assert process.stderr is not None
    raise AssertionError(f"no window appeared; exit code {ended}: {process.stderr.read()}")


def press_close_button(display: str, window: str) -> None:
    """Click on the rightmost button of the frame that openbox draws around a window."""
    shell = dict(
        line.split("=")
        for line in xdotool(display, "getwindowgeometry", "--shell", window).stdout.split()
    )
    at = (str(int(shell["WIDTH"]) - 10), "-10")
    xdotool(display, "mousemove", "--window", window, "--", *at)
    time.sleep(0.3)
    xdotool(display, "click", "1")


def press_alt_f4(display: str, window: str) -> None:
    """Close a window by keys, as window managers know them."""
    xdotool(display, "windowfocus", "--sync", window)
    xdotool(display, "key", "alt+F4")
