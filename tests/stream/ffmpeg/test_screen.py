"""The screen as a source, under a virtual one that shows a known picture."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import stream.sources.decoder
from stream.errors import StreamError
from stream.ffmpeg.header import video_header
from stream.ffmpeg.screen import screen_filter, screen_options
from stream.sources import local_files, open_source
from stream.sources.video import VideoSource
from tests.users.screens import needs_screen, paint, virtual_screen, xdotool


def known() -> np.ndarray:
    """An image that is a function of its coordinates, RGB."""
    rows, columns = np.mgrid[:200, :320]
    return np.dstack([(rows + columns) % 256, rows, columns % 256]).astype(np.uint8)


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """A screen that shows the known image at 100, 50."""
    memory = tmp_path_factory.mktemp("screen")
    with virtual_screen("640x480", memory) as name:
        xdotool(name, "mousemove", "0", "0")
        paint(memory, known(), (100, 50))
        yield name


@pytest.fixture
def display(screen, monkeypatch):
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def first_frame(address: str) -> np.ndarray:
    with open_source(address, on_message=print) as source:
        return next(iter(source)).image


@needs_screen
def test_whole_screen_is_what_it_shows(display):
    image = first_frame("screen:")
    assert image.shape == (480, 640, 3)
    assert (image[50:250, 100:420] == known()).all()


@needs_screen
@pytest.mark.parametrize("size_wh", [(320, 200), (31, 17)])
def test_part_of_the_screen_is_that_part(display, size_wh):
    width, height = size_wh
    image = first_frame(f"screen:{width}x{height}+100+50")
    assert (image == known()[:height, :width]).all()


@needs_screen
def test_screen_is_live_and_keeps_its_rate(display):
    with open_source("screen:64x64+0+0", on_message=print) as source:
        assert source.info.live
        assert source.info.fps == 30
        times = []
        for frame in source:
            times.append(frame.time_s)
            if frame.index == 45:
                source.interrupt()
    assert np.median(np.diff(times)) == pytest.approx(1 / 30, abs=0.004)


@needs_screen
def test_rate_of_a_screen_is_the_one_asked_for(display, monkeypatch):
    guess = Fraction(30000, 1001)  # which ffmpeg made of pictures that came late
    monkeypatch.setattr(
        "stream.sources.decoder.video_header", lambda text: replace(video_header(text), fps=guess)
    )
    with open_source("screen:64x64+0+0", on_message=print) as source:
        assert source.info.fps == 30


@needs_screen
def test_part_that_is_not_on_the_screen_is_one_line(display):
    with pytest.raises(StreamError, match=r"^screen:640x480\+1\+0: that part is not on") as caught:
        VideoSource("screen:640x480+1+0")
    assert "\n" not in str(caught.value)


@needs_screen
def test_screen_that_ffmpeg_takes_whole_is_cut(display, monkeypatch):
    monkeypatch.setattr(
        stream.sources.decoder, "screen_filter", lambda address: "crop=60:40:110:50"
    )
    image = first_frame("screen:")
    assert (image == known()[:40, 10:70]).all()


@pytest.mark.parametrize("address", ["screen:64", "screen:64x0+1+1", "screen:64x64", "screen:a"])
def test_other_forms_are_refused(address):
    with pytest.raises(StreamError, match="must look like screen: or"):
        open_source(address, on_message=print)


@pytest.mark.parametrize("display", ["", ":987"])
def test_no_display_is_one_line(monkeypatch, display):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(StreamError, match="there is no display"):
        VideoSource("screen:")


def test_wayland_without_x11_says_what_to_do(monkeypatch, tmp_path):
    (tmp_path / "wayland-0").touch()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", "")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(StreamError, match="log in with Xorg"):
        VideoSource("screen:")


def test_arguments_on_windows_and_macos(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    options = " ".join(screen_options("screen:640x480+10+20"))
    assert "-f gdigrab" in options
    assert "-offset_x 10 -offset_y 20 -video_size 640x480 -i desktop" in options
    assert screen_filter("screen:640x480+10+20") is None
    monkeypatch.setattr(sys, "platform", "darwin")
    options = " ".join(screen_options("screen:640x480+10+20"))
    assert "-f avfoundation" in options
    assert options.endswith("-i Capture screen 0:none")
    assert screen_filter("screen:640x480+10+20") == "crop=640:480:10:20"
    assert screen_filter("screen:") is None


def test_screen_reads_no_file():
    assert local_files("screen:") == []


@needs_screen
def test_a_screen_ends_with_its_display(monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    told = []

    def on_message(text):
        told.append(text)
        source.interrupt()

    with virtual_screen("320x240") as display:
        monkeypatch.setenv("DISPLAY", display)
        source = open_source("screen:", on_message=on_message)
        frames = iter(source)
        next(frames)
    with source, pytest.raises(StreamError, match=r"^screen: its display has ended$"):
        for _ in frames:
            pass
    assert told == []
