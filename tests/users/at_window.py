"""Somebody at the window, who sees what is on the screen and has keys and a mouse."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.users.screens import shown, virtual_screen, wait_for_window, xdotool

SIZE_WH = (640, 480)


class Screen(NamedTuple):
    """A virtual screen and the folder in which it keeps what it shows."""

    display: str  # its name, as `DISPLAY` wants it
    memory: Path


@contextlib.contextmanager
def screen_in_sight() -> Iterator[Screen]:
    """Run a virtual screen at which a `Person` can look; the mouse covers nothing."""
    with (
        tempfile.TemporaryDirectory() as folder,
        virtual_screen("1280x800", Path(folder), "-nocursor") as display,
    ):
        yield Screen(display, Path(folder))


class Person:
    """Somebody at the window: looks, types and clicks."""

    def __init__(self, screen: Screen, process: subprocess.Popen[str]) -> None:
        self.display, self._memory = screen
        self.process = process
        self.window = wait_for_window(process, self.display)
        self._wait_for_picture()
        xdotool(self.display, "windowfocus", self.window)

    def _wait_for_picture(self) -> None:
        """Wait until something is painted."""
        for _ in range(100):
            if self.look()[..., 0].any():
                return
            time.sleep(0.2)
        raise AssertionError("the window stays black")

    def look(self, size_wh: tuple[int, int] = SIZE_WH) -> np.ndarray:
        """What is shown at the upper left of the screen, where the window is, (H, W, 3) RGB."""
        return shown(self._memory, size_wh)

    def press(self, *keys: str) -> None:
        for key in keys:
            xdotool(self.display, "key", key)
            time.sleep(0.15)

    def click(self, at_xy: tuple[int, int]) -> None:
        x, y = map(str, at_xy)
        xdotool(self.display, "mousemove", "--window", self.window, x, y, "click", "1")

    def wait_until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.1)

    def sees(self, at_xy: tuple[int, int], colour: tuple[int, int, int]) -> bool:
        seen = self.look()[at_xy[1], at_xy[0]].astype(int)
        return bool(np.abs(seen - colour).max() <= 3)
