"""The window is closed by its frame, as people close windows, while a recording runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import pytest

from stream.frame import Event, OutputInfo, StreamInfo
from stream.sinks.parts.shown_window import ShownWindow
from stream.sinks.window import Window
from tests.ffmpeg_reference import picture_times_s
from tests.stand_ins.devices.fake_window import drawn_by_nobody, windows_instead
from tests.stand_ins.fakes import output_of, square
from tests.users.screens import (
    needs_manager,
    needs_screen,
    press_alt_f4,
    press_close_button,
    start,
    virtual_screen,
    wait_for_window,
    window_manager,
)


@needs_screen
@needs_manager
@pytest.mark.parametrize("close", [press_close_button, press_alt_f4])
def test_recording_is_whole_when_its_window_is_closed(
    tmp_path: Path, close: Callable[[str, str], None]
) -> None:
    arguments = ["demo:", "--realtime", "-o", "window:", "-o", "talk.mp4"]
    with (
        virtual_screen() as display,
        window_manager(display),
        start(arguments, display, tmp_path) as process,
    ):
        try:
            window = wait_for_window(process, display)
            time.sleep(1.5)
            close(display, window)
            _, told = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0, told
    assert "error" not in told
    assert 20 < len(picture_times_s(tmp_path / "talk.mp4")) < 400


def shown_window(said: list[tuple[bytes, ...]]) -> ShownWindow:
    return ShownWindow("title", (64, 48), lambda *news: said.append(news))


def test_closed_window_is_never_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    windows, said = drawn_by_nobody(monkeypatch), list[tuple[bytes, ...]]()
    window = shown_window(said)
    assert window.show(square(0))
    assert window.look()
    windows.close("title")
    window.toggle_fullscreen()
    assert not window.look()
    assert not window.show(square(1))
    assert not windows.shown
    assert not said


def test_window_that_is_closed_before_a_picture_is_seen_is_not_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    windows = drawn_by_nobody(monkeypatch)
    window = shown_window([])
    assert window.show(square(0))
    monkeypatch.setattr(cv2, "waitKeyEx", lambda wait_ms: windows.close("title") or -1)
    assert not window.look()
    assert not window.show(square(1))
    assert not windows.shown


def test_closing_is_told_once_and_what_comes_then_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    windows_instead(monkeypatch, "Windows.key = lambda self, wait_ms: self.close('title') or -1")
    stream = StreamInfo(64, 48, Fraction(30), live=True)
    with Window("title", OutputInfo(stream)) as window:
        window.write(output_of(square(0)))
        deadline = time.monotonic() + 20
        while not (events := window.poll()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert events == [Event("closed")]
        window.toggle_fullscreen()
        window.write(output_of(square(1)))
        assert window.poll() == []
