"""Every key and a click, as a person would do them, on a virtual screen."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stream.files.photos import read_photo
from stream.sources.video import VideoSource
from tests.ffmpeg_reference import ffmpeg
from tests.users.at_window import SIZE_WH, Person, screen_in_sight
from tests.users.screens import (
    needs_manager,
    needs_screen,
    start,
    virtual_screen,
    wait_for_window,
    window_manager,
    xdotool,
)

pytestmark = needs_screen

BLUE = (0x2A, 0x6F, 0x97)
WALL, FACE = (580, 40), (300, 200)  # of the demo's portrait at any time, x y


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """The demo at a third of its rate, which is less to compute, again and again for minutes."""
    pytest.importorskip("skimage")
    from stream.frame import Output, OutputInfo
    from stream.sinks.parts.options import SinkOptions
    from stream.sinks.video import VideoSink
    from stream.sources.demo import Demo

    folder = tmp_path_factory.mktemp("clip")
    with Demo() as demo:
        options = SinkOptions(preset="ultrafast")
        with VideoSink(folder / "once.mkv", OutputInfo(demo.info), options) as sink:
            for frame in itertools.islice(demo, 0, None, 3):
                sink.write(Output(frame, frame.picture, None, None))
            sink.finish(cut_short=False)
    ffmpeg("-stream_loop", "40", "-i", folder / "once.mkv", "-c", "copy", folder / "long.mkv")
    return folder / "long.mkv"


@contextlib.contextmanager
def running(clip: Path, folder: Path, *arguments: str) -> Iterator[Person]:
    """The program, showing the clip in a window; it must end well."""
    with (
        screen_in_sight() as screen,
        start([str(clip), *arguments], screen.display, folder) as process,
    ):
        try:
            person = Person(screen, process)
            yield person
            person.press("q")
            _, told = process.communicate(timeout=20)
            assert process.returncode == 0, told
            assert "Traceback" not in told
        finally:
            process.kill()


def test_effects_strength_background_and_invert(clip, tmp_path):
    with running(clip, tmp_path, "--realtime", "--background", "#ff0000") as person:
        person.press("3")
        person.wait_until(lambda: person.sees(WALL, (255, 0, 0)))
        person.press("i")
        person.wait_until(lambda: person.sees(FACE, (255, 0, 0)))
        assert not person.sees(WALL, (255, 0, 0))
        person.press("i", "4")
        person.wait_until(lambda: person.sees(WALL, (0, 0, 0)) and person.sees(FACE, (255,) * 3))
        person.press("2", "b")
        person.wait_until(lambda: person.sees(WALL, (255, 0, 0)))
        person.press("7", "h", "h")
        person.wait_until(lambda: not person.sees(WALL, (255, 0, 0)))
        plain = sharpness(person)
        person.press("1")
        person.wait_until(lambda: sharpness(person) < plain * 0.9)
        blurred = sharpness(person)
        person.press("minus", "minus", "minus", "minus")
        person.wait_until(lambda: sharpness(person) > blurred * 1.1)


def sharpness(person: Person) -> float:
    """How much neighbours differ beside the face, where the background is."""
    return float(np.abs(np.diff(person.look()[:200, 420:].astype(int), axis=0)).mean())


def test_help_mask_and_objects_are_shown_and_never_written(clip, tmp_path):
    out = tmp_path / "out.mkv"
    arguments = ("--effect", "mask", "-o", "window:", "-o", str(out), "--quality", "ultrafast:10")
    with running(clip, tmp_path, "--realtime", *arguments) as person:
        person.wait_until(lambda: person.sees(FACE, (255, 255, 255)))
        figures = person.look()
        assert len(np.unique(figures[:80, :250])) > 10, "text"
        person.press("h")
        person.wait_until(lambda: len(np.unique(person.look()[240:300, 250:400])) > 10)
        person.press("h")
        time.sleep(3.5)
        assert set(np.unique(person.look())) <= {0, 255}
        person.press("o")
        person.wait_until(lambda: len(np.unique(person.look())) > 10)
        person.press("o", "3", "m")
        person.wait_until(lambda: person.sees(WALL, (0, 0, 0)) and person.sees(FACE, (255,) * 3))
        person.press("m")
        person.wait_until(lambda: person.sees(WALL, BLUE))
    with VideoSource(str(out)) as video:
        for frame in video:
            corner = frame.image[30:80, 20:60].reshape(-1, 3).astype(int)
            # black, blue, or between the two while one becomes the other
            assert np.ptp(corner, axis=0).max() < 12, f"something was drawn on frame {frame.index}"


def test_snapshot_and_recording_are_files(clip, tmp_path):
    with running(clip, tmp_path, "--realtime", "--effect", "mask") as person:
        person.wait_until(lambda: person.sees(FACE, (255, 255, 255)))
        person.press("s")
        person.wait_until(lambda: len(list(tmp_path.glob("maskcast-*.png"))) == 1)
        person.press("r")
        time.sleep(2)
        assert list(tmp_path.glob("maskcast-*.mp4")) == [], "not before it is complete"
        person.press("r")
        person.wait_until(lambda: len(list(tmp_path.glob("maskcast-*.mp4"))) == 1)
        person.press("r")
        time.sleep(1)
    (photo,) = tmp_path.glob("maskcast-*.png")
    assert set(np.unique(read_photo(photo))) == {0, 255}
    recordings = list(tmp_path.glob("maskcast-*.mp4"))
    assert len(recordings) == 2, "the one that ran at the end as well"
    total = 0
    for path in recordings:
        with VideoSource(str(path)) as video:
            frames = list(video)
        assert frames[0].time_s == pytest.approx(0, abs=0.01)
        total += len(frames)
    assert total > 5
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("realtime", [True, False])
def test_pause(clip, tmp_path, realtime):
    with running(clip, tmp_path, *(["--realtime"] if realtime else [])) as person:

        def moves() -> bool:
            before = person.look()[100:]
            time.sleep(0.7)
            return bool((person.look()[100:] != before).any())

        person.wait_until(moves)
        person.press("space")
        person.wait_until(lambda: not moves())
        person.press("space")
        person.wait_until(moves)


def test_click_drops_the_person_and_brings_them_back(clip, tmp_path):
    arguments = ("--realtime", "--keyframe", "3", "--effect", "replace=#ff0000")
    with running(clip, tmp_path, *arguments) as person:
        person.wait_until(lambda: person.sees(WALL, (255, 0, 0)))
        person.wait_until(lambda: not person.sees(FACE, (255, 0, 0)))
        person.click(FACE)
        person.wait_until(lambda: person.sees(FACE, (255, 0, 0)))
        person.click(FACE)
        person.wait_until(lambda: not person.sees(FACE, (255, 0, 0)))


@pytest.mark.parametrize("size_wh", [(1000, 480), (320, 480)])
def test_click_means_the_same_place_in_a_window_of_another_shape(clip, tmp_path, size_wh):
    arguments = ("--realtime", "--keyframe", "3", "--effect", "replace=#ff0000")
    width, height = size_wh
    scale = min(width / SIZE_WH[0], height / SIZE_WH[1])
    left, top = (width - scale * SIZE_WH[0]) / 2, (height - scale * SIZE_WH[1]) / 2
    face, wall = ((round(left + scale * x), round(top + scale * y)) for x, y in (FACE, WALL))
    with running(clip, tmp_path, *arguments) as person:
        xdotool(person.display, "windowsize", "--sync", person.window, str(width), str(height))

        def red(at_xy: tuple[int, int]) -> bool:
            return bool((person.look((width, height))[at_xy[1], at_xy[0]] == (255, 0, 0)).all())

        beyond = (round(left / 2), round(top / 2))  # in the bar beside or above the picture
        person.wait_until(lambda: not red(beyond) and red(wall) and not red(face))
        time.sleep(0.5)  # the window system maps clicks a little later than it paints
        person.click(wall)
        time.sleep(0.5)
        person.wait_until(lambda: not red(face))  # but for a moment in which the mask is late
        person.click(face)
        person.wait_until(lambda: red(face))


def test_click_with_a_network_without_ids_does_nothing(clip, tmp_path):
    with running(clip, tmp_path, "--realtime", "--effect", "replace=#ff0000") as person:
        person.wait_until(lambda: not person.sees(FACE, (255, 0, 0)))
        person.press("h", "h")
        person.click(FACE)
        time.sleep(1)
        person.wait_until(lambda: not person.sees(FACE, (255, 0, 0)))
        assert person.look()[440:475, 100:540].max() == 255


@needs_manager
def test_full_screen_and_back(clip, tmp_path):
    with (
        virtual_screen() as display,
        window_manager(display),
        start([str(clip), "--effect", "mask"], display, tmp_path) as process,
    ):
        try:
            window = wait_for_window(process, display)
            xdotool(display, "windowfocus", "--sync", window)

            def size() -> str:
                return xdotool(display, "getwindowgeometry", window).stdout.split("\n")[2]

            before = size()
            assert "1280x800" not in before
            for expected in ("1280x800", before):
                xdotool(display, "key", "f")
                deadline = time.monotonic() + 15
                while expected not in size():
                    assert time.monotonic() < deadline, size()
                    time.sleep(0.1)
            xdotool(display, "key", "q")
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()
