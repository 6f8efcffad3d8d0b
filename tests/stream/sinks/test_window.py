"""The window, on a virtual screen, with real keys."""

from __future__ import annotations

import signal
import sys
import time

import cv2
import numpy as np
import pytest

from stream.display import display_available
from tests.screens import needs_screen, start, virtual_screen, wait_for_window, xdotool


@pytest.fixture
def screen():
    """Name of a virtual screen, as `DISPLAY` wants it."""
    with virtual_screen() as name:
        yield name


@needs_screen
@pytest.mark.parametrize("how", ["key", "close"])
def test_window_ends_by_key_or_by_closing_it(screen, how):
    with start(["demo:"], screen) as process:
        try:
            window = wait_for_window(process, screen)
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


@needs_screen
def test_ctrl_c_ends_a_photo_that_waits_for_a_key(screen, tmp_path):
    cv2.imwrite(str(tmp_path / "photo.png"), np.zeros((48, 64, 3), np.uint8))
    with start([str(tmp_path / "photo.png")], screen) as process:
        try:
            wait_for_window(process, screen)
            time.sleep(1)
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode in (0, 130), told  # it was the last photo, and may be done


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
