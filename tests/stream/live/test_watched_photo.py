"""A background whose file changes while it is shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.live import watched_photo
from stream.live.palette import Palette
from stream.opening import open_run
from stream.running.loop import play
from tests.stand_ins.fakes import ListSink, MovingSquare, Oracle

BLACK = np.zeros((24, 32, 3), np.uint8)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_photo, "LOOK_S", 0.02)


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    """Put a photo in the place of another one, as image programs do."""
    beside = path.with_name(f".{colour}.png")
    cv2.imwrite(str(beside), np.full((30, 40, 3), colour[::-1], np.uint8))
    beside.replace(path)


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_photo_that_changes_is_shown_as_it_is_now(tmp_path: Path) -> None:
    path, told = tmp_path / "beach.png", list[str]()
    paint(path, RED)
    before = threading.active_count()
    with ExitStack() as stack:
        palette = Palette(f"replace={path}", [], stack, told.append)

        def shown() -> tuple[int, ...]:
            return tuple(palette.effect(BLACK, BLACK[..., 0], 0.0)[5, 5].tolist())

        palette.live_on()
        assert shown() == RED
        paint(path, GREEN)
        wait_until(lambda: shown() == GREEN)
        path.unlink()
        time.sleep(0.1)
        assert shown() == GREEN
        path.write_bytes(b"on its way")
        wait_until(lambda: len(told) == 2)
        assert shown() == GREEN
        paint(path, BLUE)
        wait_until(lambda: shown() == BLUE and len(told) == 3)
    assert told[0] == told[2] == f"{path}: has changed and is shown"
    assert told[1].startswith(f"{path}: not a picture")
    assert told[1].endswith("; what it was before stays")
    wait_until(lambda: threading.active_count() == before)


def test_behind_a_camera_it_is_watched_and_behind_a_file_not(tmp_path: Path) -> None:
    path = tmp_path / "beach.png"

    class Repainted(MovingSquare):
        """Changes the background at its tenth frame."""

        def __iter__(self):  # type: ignore[no-untyped-def]
            for frame in super().__iter__():
                if frame.index == 10:
                    paint(path, GREEN)
                    time.sleep(0.5)
                yield frame

    colours = {}
    for live in (True, False):
        paint(path, RED)
        sink = ListSink()
        source = Repainted(30, live=live, pause_s=0.01)
        with open_run(source, sink, segmenter=Oracle(), effect=f"replace={path}") as run:
            play(run)
        colours[live] = {tuple(each.image[2, 2].tolist()) for each in sink.outputs}
    assert colours == {True: {RED, GREEN}, False: {RED}}
