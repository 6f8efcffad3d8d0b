"""When a recording must end, so that it can be completed."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest

from stream.files import disk_space
from stream.files.disk_space import DiskSpace
from tests.stand_ins.small_disk import small_disk

Usage = namedtuple("Usage", "total used free")


class Disk:
    """What the system says of a disk, and how often it was asked."""

    def __init__(self, free: int) -> None:
        self.free, self.num_asked = free, 0

    def usage(self, folder) -> Usage:
        self.num_asked += 1
        if self.free < 0:
            raise OSError("gone")
        return Usage(1 << 50, 0, self.free)


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(disk_space.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("at_start", "enough", "short"),
    [
        (10**12, 200_000_000, 199_999_999),
        (400_000_000, 200_000_000, 199_999_999),
        (300_000_000, 150_000_000, 149_999_999),
        (1000, 500, 499),
    ],
)
def test_what_is_kept_free(clock, monkeypatch, tmp_path, at_start, enough, short):
    disk = Disk(at_start)
    monkeypatch.setattr(shutil, "disk_usage", disk.usage)
    space = DiskSpace(tmp_path)
    for free, is_short in ((at_start, False), (enough, False), (short, True)):
        disk.free = free
        clock[0] += 2
        assert space.is_short() == is_short


def test_it_is_looked_at_once_a_second(clock, monkeypatch, tmp_path):
    disk = Disk(10**12)
    monkeypatch.setattr(shutil, "disk_usage", disk.usage)
    space = DiskSpace(tmp_path)
    disk.free = 0
    for _ in range(1000):
        clock[0] += 0.0009
        assert not space.is_short()
    assert disk.num_asked == 1
    clock[0] += 0.2
    assert space.is_short()
    assert disk.num_asked == 2


def test_a_disk_that_says_nothing_ends_nothing(clock, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", Disk(-1).usage)
    space = DiskSpace(tmp_path)
    clock[0] += 2
    assert not space.is_short()


def test_a_real_disk(clock, tmp_path):
    with small_disk(tmp_path / "small", 1_000_000) as folder:
        space = DiskSpace(folder)
        (folder / "a").write_bytes(bytes(300_000))
        clock[0] += 2
        assert not space.is_short()
        (folder / "b").write_bytes(bytes(300_000))
        clock[0] += 2
        assert space.is_short()
