"""The window, on a virtual screen, with real keys."""

from __future__ import annotations

import contextlib
import ctypes.util
import re
import signal
import socket
import sys
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import stream.sinks.window
from stream import display
from stream.display import why_no_window
from stream.frame import Event, Output, OutputInfo, StreamInfo
from stream.sinks.parts.shown_window import CLICK, fitted
from stream.sinks.window import Window
from tests.stand_ins.fakes import output_of, square
from tests.users.at_window import Person, screen_in_sight
from tests.users.screens import (
    needs_screen,
    refusing_screen,
    start,
    virtual_screen,
    wait_for_window,
    xdotool,
)


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
def test_qt_takes_the_events_of_the_libx11_in_use(screen, tmp_path, monkeypatch):
    if ctypes.util.find_library("X11-xcb") is None:
        pytest.skip("no libX11-xcb beside libX11")
    monkeypatch.setenv("LD_DEBUG", "bindings")
    monkeypatch.setenv("LD_DEBUG_OUTPUT", str(tmp_path / "bound"))
    with start(["demo:"], screen) as process:
        try:
            wait_for_window(process, screen)
        finally:
            process.kill()
    told = "".join(path.read_text(errors="replace") for path in tmp_path.glob("bound.*"))
    bound = re.findall(r"libQt5XcbQpa\S* \[0\] to (\S+) \[0\].*`XSetEventQueueOwner'", told)
    # another is asked by `why_no_window`, whose window nobody sees
    assert "libX11-xcb.so.1" in {Path(library).name for library in bound}, bound


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


@needs_screen
@pytest.mark.parametrize("size_wh", [(1000, 300), (300, 700), (100, 600)])
def test_beside_a_picture_and_above_it_is_black(tmp_path, size_wh):
    cv2.imwrite(str(tmp_path / "photo.png"), np.full((240, 320, 3), 255, np.uint8))
    program = ["photo.png", "--effect", "none"]
    with screen_in_sight() as screen, start(program, screen.display, tmp_path) as process:
        try:
            person = Person(screen, process)
            xdotool(screen.display, "windowsize", "--sync", person.window, *map(str, size_wh))
            width, height = size_wh
            shown_w, shown_h = min(width, height * 4 // 3), min(height, width * 3 // 4)

            def is_right() -> bool:
                image = person.look(size_wh)
                left, top = (width - shown_w) // 2, (height - shown_h) // 2
                below_text = top + shown_h * 2 // 3
                picture = image[below_text : top + shown_h - 3, left + 3 : left + shown_w - 3]
                bars = image.copy()
                bars[max(0, top - 3) : top + shown_h + 3, max(0, left - 3) : left + shown_w + 3] = 0
                return picture.min() > 250 and bars.max() == 0

            person.wait_until(is_right)
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("window_wh", "size_wh", "place"),
    [
        ((640, 480), (320, 240), (0, 0, 320, 240)),
        ((641, 480), (320, 240), (0, 0, 320, 240)),  # half a pixel
        ((1600, 900), (427, 240), (53, 0, 320, 240)),
        ((300, 700), (300, 700), (0, 237, 300, 225)),
        ((120, 500), (120, 500), (0, 205, 120, 90)),
        ((10_000, 24), (10_000, 24), (4984, 0, 32, 24)),
        ((10, 10), (10, 10), (0, 1, 10, 8)),
        ((1, 900), (1, 900), (0, 449, 1, 1)),
        ((0, 480), (320, 240), (0, 0, 320, 240)),  # there is no window yet
        ((-1, -1), (320, 240), (0, 0, 320, 240)),
    ],
)
def test_bars_give_a_picture_the_proportions_of_the_window(window_wh, size_wh, place):
    image, found = fitted(np.full((240, 320, 3), 200, np.uint8), window_wh)
    assert image.shape == (size_wh[1], size_wh[0], 3)
    assert found == place
    left, top, width, height = place
    assert (image[top : top + height, left : left + width] == 200).all()
    assert image.sum() == width * height * 3 * 200


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


@needs_screen
def test_display_that_refuses_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("XAUTHORITY", str(tmp_path / "none"))
    with refusing_screen(tmp_path) as name, start(["demo:"], name) as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    (line,) = (line for line in told.splitlines() if line.startswith("error:"))
    assert line.startswith(f"error: window: the display {name} refuses (")
    assert line.endswith("); write to a file instead, as in -o out.mp4")


def test_wayland_without_x_is_one_line(tmp_path, monkeypatch):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as compositor:
        compositor.bind(str(tmp_path / "wayland-7"))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-7")
        monkeypatch.setenv("DISPLAY", "")
        assert "XWayland" in (why_no_window() or "")


def test_display_that_never_answers_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(display, "x11_available", lambda: True)
    monkeypatch.setattr(display, "_PROBE", "import signal, time; signal.alarm(1); time.sleep(60)")
    monkeypatch.setenv("DISPLAY", ":986")
    assert why_no_window() == "the display does not answer"


def test_each_window_is_tried_on_the_display_as_it_is_then(monkeypatch):
    monkeypatch.setattr(display, "x11_available", lambda: True)
    monkeypatch.setenv("DISPLAY", ":985")
    answers = []
    for probe in ("raise SystemExit('busy')", "pass", "raise SystemExit('gone')"):
        monkeypatch.setattr(display, "_PROBE", probe)
        display.begin_probe()
        answers.append(why_no_window())
    refuses = "the display :985 refuses ({})"
    assert answers == [refuses.format("busy"), None, refuses.format("gone")]


def test_display_is_looked_for(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":987")
    assert why_no_window() == "there is no display"


def test_a_click_counts_as_soon_as_the_first_picture_is_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream.sinks.window, "why_no_window", lambda: None)
    window = Window("title", OutputInfo(StreamInfo(64, 48, Fraction(30), live=True)))
    window.decorate(lambda output: output.image)
    events: list[Event] = []

    class Clicked:
        """The window's process, in which somebody clicks at once."""

        def show(self, image: object) -> None:
            events.extend(window._events(CLICK, (8, 6, 64, 48)))

    output: Output = output_of(square(0))
    window._show(output, Clicked())  # type: ignore[arg-type]
    height, width = output.picture.size_hw
    assert events == [Event("click", at_xy=(8 * width // 64, 6 * height // 48))]
