"""Somebody at the keys, two backgrounds, and what must not be left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink
from tests.leftovers import nothing_left
from tests.stand_ins.devices.video_kernel import VideoKernel, video_kernel
from tests.stand_ins.fakes import output_of, square
from tests.users.desk import INFO, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(*arguments: Any, **more: Any) -> Desk:
        made.append(Desk(tmp_path, *arguments, **more))
        return made[-1]

    yield make
    for each in made:
        each.stack.close()
        each.recorder.close()


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    """A red and a green background."""
    paths = []
    for name, colour in {"red.png": (0, 0, 255), "green.png": (0, 255, 0)}.items():
        paths.append(str(tmp_path / name))
        cv2.imwrite(paths[-1], np.full((30, 40, 3), colour, np.uint8))
    return paths


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[VideoKernel]:
    """A Linux without cameras, to which devices can be added."""
    with video_kernel(tmp_path.resolve()) as kernel:
        yield kernel


@pytest.fixture
def nothing_left_over() -> Iterator[None]:
    """No process and no thread is left after the test."""
    with nothing_left():
        yield


@pytest.fixture
def no_file_left_over(nothing_left_over: None, tmp_path: Path) -> Iterator[None]:
    """Nor a hidden file, half written."""
    yield
    assert [path.name for path in tmp_path.rglob(".*")] == []


@pytest.fixture
def square_clip(tmp_path) -> Path:
    """Ten frames of the moving square, as a video."""
    path = tmp_path / "clip.mkv"
    with VideoSink(path, INFO, SinkOptions()) as sink:
        for index in range(10):
            image = square(index)
            sink.write(output_of(image, index, index / 25))
        sink.finish(cut_short=False)
    return path
