"""Whether anybody reads a virtual camera."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from stream.cameras import readers
from stream.cameras.readers import Readers
from tests.stand_ins.devices.video_kernel import VideoKernel, VideoNode
from tests.stream.cameras.holding import holding


def becomes(holds: Callable[[], bool]) -> bool:
    """Return whether something holds within two seconds."""
    end_s = time.monotonic() + 2
    while not holds() and time.monotonic() < end_s:
        time.sleep(0.02)
    return holds()


def test_the_driver_says_who_reads(kernel: VideoKernel) -> None:
    node = VideoNode("maskcast", {}, driver="v4l2 loopback", num_readers=0)
    path = kernel.add(10, node)
    with closing(Readers(path)) as asked, holding(path):
        assert not asked.are_there(), "a program that only has it open"
        node.num_readers = 1
        assert asked.are_there()
        node.num_readers = 0
        assert not asked.are_there()


def test_of_an_old_driver_whoever_has_it_open(kernel: VideoKernel) -> None:
    path = kernel.add(10, VideoNode("maskcast", {}, driver="v4l2 loopback"))
    with path.open(), closing(Readers(path)) as asked:
        assert not asked.are_there(), "this program itself"
        for _ in range(2):
            with holding(path):
                assert becomes(asked.are_there)
            assert becomes(lambda: not asked.are_there())


def test_nothing_is_looked_up_while_nothing_happens(kernel: VideoKernel, monkeypatch) -> None:
    """It costs milliseconds to look through all programs, several times a second."""
    path = kernel.add(10, VideoNode("maskcast", {}, driver="v4l2 loopback"))
    looked: list[Path] = []
    monkeypatch.setattr(readers, "holders", lambda path: looked.append(path) or [])
    with closing(Readers(path)) as asked:
        for _ in range(20):
            asked.are_there()
        assert len(looked) == 1
        path.open().close()
        asked.are_there()
        assert len(looked) == 2


def test_without_news_it_is_looked_up_now_and_then(kernel: VideoKernel, monkeypatch) -> None:
    path = kernel.add(10, VideoNode("maskcast", {}, driver="v4l2 loopback"))
    monkeypatch.setattr(readers, "_inotify_of", lambda path: None)
    monkeypatch.setattr(readers, "_LOOK_OFTEN_S", 0.1)
    with closing(Readers(path)) as asked:
        assert not asked.are_there()
        with holding(path):
            assert becomes(asked.are_there)
        assert becomes(lambda: not asked.are_there())


def test_a_camera_that_is_gone_is_read_by_nobody(tmp_path: Path) -> None:
    with closing(Readers(tmp_path / "video10")) as asked:
        assert not asked.are_there()


def test_of_one_that_cannot_be_asked_whoever_has_it_open(kernel: VideoKernel, monkeypatch) -> None:
    path = kernel.add(10, VideoNode("maskcast", {}, driver="v4l2 loopback", num_readers=0))

    def refuse(path: Path) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(readers, "Device", refuse)
    with closing(Readers(path)) as asked, holding(path):
        assert becomes(asked.are_there)


@pytest.mark.parametrize("times", [1, 2])
def test_it_can_be_closed_again(kernel: VideoKernel, times: int) -> None:
    asked = Readers(kernel.add(10, VideoNode("maskcast", {}, driver="v4l2 loopback")))
    asked.are_there()
    for _ in range(times):
        asked.close()
