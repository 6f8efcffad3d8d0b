"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from segmentation.unfinished import (
    PART,
    RECORDING,
    Unfinished,
    discard_left_behind,
    put_in_place,
    taken_over,
    unfinished,
    unfinished_in,
)


def test_a_file_has_its_name_when_it_is_whole_and_what_had_it_stays_until_then(tmp_path):
    target = tmp_path / "out.npz"
    target.write_text("old")
    with unfinished(target) as part:
        part.write_text("new")
        assert part.parent == tmp_path
        assert part.name.startswith(".")
        assert part.suffix == ".npz"
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_is_not_whole_is_deleted(tmp_path, error):
    target = tmp_path / "out.txt"
    target.write_text("old")

    def write(path: Path) -> None:
        with unfinished(path) as part:
            part.write_text("half")
            raise error

    for path in (target, tmp_path / "other"):
        with pytest.raises(error):
            write(path)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_several_on_their_way_to_one_name_are_not_in_the_way_of_each_other(tmp_path):
    target, barrier = tmp_path / "out.txt", threading.Barrier(8)

    def write(number: int) -> None:
        with unfinished(target) as part:
            part.write_text(str(number) * 1000)
            barrier.wait()
            assert part.read_text() == str(number) * 1000

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(target.read_text()) == 1000
    assert len(set(target.read_text())) == 1
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_finished_or_discarded_whole(tmp_path):
    for keep in (True, False):
        part = Unfinished(tmp_path / f"folder {keep}")
        (part.path / "deep").mkdir(parents=True)
        (part.path / "deep" / "file").write_text("x")
        if keep:
            part.finish()
        part.discard()
        part.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["folder True"]
    assert (tmp_path / "folder True" / "deep" / "file").read_text() == "x"


def test_the_longest_names_and_longer_ones(tmp_path):
    longest, longer = (tmp_path / ("x" * num) for num in (255, 256))
    with unfinished(longest) as path:
        path.touch()
    with pytest.raises(OSError, match="name too long"), unfinished(longer) as path:
        path.touch()
    assert list(tmp_path.iterdir()) == [longest]


def test_what_killed_programs_left_is_deleted_and_nothing_else(tmp_path):
    target = tmp_path / "check[1]"
    left = Unfinished(target).path
    left.mkdir()
    (left / "half").write_text("x")
    others = [target, Unfinished(tmp_path / "check1").path, tmp_path / ".check[1].mine"]
    for other in others:
        other.write_text("x")
    discard_left_behind(target)
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_what_is_in_use_is_left_alone_until_it_is_finished(tmp_path):
    target = tmp_path / "out.txt"
    part, folder = Unfinished(target), Unfinished(tmp_path / "masks")
    part.hold()
    folder.hold_folder()
    for each in (part, folder):
        discard_left_behind(each.target)
        assert each.path.exists()
    part.finish()
    folder.release()
    for each in (part, folder):
        discard_left_behind(each.target)
    assert list(tmp_path.iterdir()) == [target]


def test_what_is_held_is_in_use_as_long_as_one_process_runs_that_inherited_it(tmp_path):
    part = Unfinished(tmp_path / "out.txt")
    waits = [sys.executable, "-c", "input()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE, pass_fds=[part.hold()]) as process:
        part.release()
        with taken_over(part.path) as is_left:
            assert not is_left
        process.kill()
        process.wait()
        with taken_over(part.path) as is_left:
            assert is_left
            with taken_over(part.path) as again:
                assert not again, "one alone takes it over"


def test_what_is_deleted_before_it_is_held_is_made_again(monkeypatch, tmp_path):
    part, found = Unfinished(tmp_path / "out.txt"), []
    make = os.open

    def make_slowly(*arguments):
        made = make(*arguments)
        if not found:
            found.append(part.path)
            discard_left_behind(part.target)
        return made

    monkeypatch.setattr(os, "open", make_slowly)
    part.hold()
    assert part.path.exists()
    discard_left_behind(part.target)
    assert part.path.exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
def test_where_nothing_can_be_held_what_changed_lately_is_in_use(monkeypatch, tmp_path, number):
    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    part = Unfinished(tmp_path / "out.txt")
    part.hold()
    discard_left_behind(part.target)
    assert part.path.exists()
    os.utime(part.path, (1e9, 1e9))
    discard_left_behind(part.target)
    assert not part.path.exists()


def test_recordings_are_told_from_what_can_be_made_again(tmp_path):
    part, recording = (Unfinished(tmp_path / "a.b.mp4", kind) for kind in (PART, RECORDING))
    for each in (part, recording):
        each.path.touch()
    assert unfinished_in(tmp_path, RECORDING) == {recording.path: tmp_path / "a.b.mp4"}
    discard_left_behind(part.target)
    assert list(tmp_path.iterdir()) == [recording.path]


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names")
def test_what_is_neither_file_nor_folder_is_no_recording(tmp_path):
    """Whoever reads a pipe waits for somebody who writes."""
    pipe, folder, link = (Unfinished(tmp_path / "talk.mp4", RECORDING).path for _ in range(3))
    os.mkfifo(pipe)
    folder.mkdir()
    link.symlink_to(__file__)
    assert unfinished_in(tmp_path, RECORDING) == {folder: tmp_path / "talk.mp4"}


def test_one_becomes_what_was_made_of_it_and_stays_held(tmp_path):
    first, second = Unfinished(tmp_path / "out.txt"), Unfinished(tmp_path / "out.txt")
    for each in (first, second):
        each.hold()
    second.path.write_text("second")
    first.become(second)
    second.discard()
    assert first.path.read_text() == "second"
    discard_left_behind(first.target)
    assert first.path.exists()


def test_what_cannot_get_its_name_is_an_error_and_deleted(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"), unfinished(tmp_path / "taken") as part:
        part.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    with pytest.raises(FileNotFoundError):
        put_in_place(tmp_path / "missing", tmp_path / "new")


# === Without replacing anything ===


def test_what_must_not_replace_gets_a_name_that_nothing_has(tmp_path):
    parts = [Unfinished(tmp_path / "out.txt", replaces=False) for _ in range(3)]
    for number, part in enumerate(parts):
        part.hold()
        part.path.write_text(str(number))
    (tmp_path / "out-2.txt").write_text("theirs")
    for part in parts:
        part.finish()
        part.discard()
    assert [part.target.name for part in parts] == ["out.txt", "out-3.txt", "out-4.txt"]
    assert [part.target.read_text() for part in parts] == ["0", "1", "2"]
    assert (tmp_path / "out-2.txt").read_text() == "theirs"
    assert len(list(tmp_path.iterdir())) == 4


def test_nor_one_that_others_will_have_whatever_leads_to_it(tmp_path):
    names = [tmp_path / name for name in ("out.txt", "out-2.txt", "link.txt")]
    names[2].symlink_to("real.txt")
    link = Unfinished(names[2], replaces=False, wanted=names)
    out = Unfinished(names[0], replaces=False, wanted=names)
    names[0].write_text("theirs")
    for part in (link, out):
        part.path.write_text("x")
        part.finish()
    assert (link.target.name, out.target.name) == ("real.txt", "out-3.txt")


def test_what_may_have_no_other_name_gets_its_own_or_none(tmp_path):
    target = tmp_path / "out.txt"
    for text in ("first", "second"):
        part = Unfinished(target, replaces=False, wanted=None)
        part.path.write_text(text)
        with contextlib.suppress(FileExistsError):
            part.finish()
        assert part.path.exists() == (text == "second")
        part.discard()
    assert target.read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


def test_many_at_once_lose_none(tmp_path):
    barrier = threading.Barrier(8)

    def write(number: int) -> None:
        part = Unfinished(tmp_path / "out.txt", replaces=False)
        part.path.write_text(str(number))
        barrier.wait()
        part.finish()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == list(map(str, range(8)))


def test_the_longest_names_can_be_numbered_as_well(tmp_path):
    taken = tmp_path / f"{'ä' * 125}.txt"
    taken.touch()
    part = Unfinished(taken, replaces=False)
    part.path.write_text("x")
    part.finish()
    assert part.target.read_text() == "x"
    assert part.target.name.endswith("ä-2.txt")


# === On the disk before it has its name ===


class Disk:
    """What was synced and renamed, in order; may refuse to sync."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: int | None = None) -> None:
        self.did: list[str] = []
        self._names: dict[int, str] = {}
        self._error = error
        self._open, self._replace = os.open, os.replace
        monkeypatch.setattr(os, "open", self.open)
        monkeypatch.setattr(os, "fsync", self.sync)
        monkeypatch.setattr(os, "replace", self.replace)

    def open(self, path, *arguments: int) -> int:
        number = self._open(path, *arguments)
        self._names[number] = Path(path).name
        return number

    def sync(self, number: int) -> None:
        self.did.append(f"sync {self._names[number]}")
        if self._error is not None:
            raise OSError(self._error, os.strerror(self._error))

    def replace(self, part, target) -> None:
        self.did.append(f"rename {Path(target).name}")
        self._replace(part, target)


def test_a_file_is_on_the_disk_before_it_has_its_name_and_the_name_then(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    with unfinished(tmp_path / "out.txt") as part:
        part.write_text("x")
    assert disk.did == [f"sync {part.name}", "rename out.txt", f"sync {tmp_path.name}"]


def test_so_is_all_that_is_in_a_folder(tmp_path, monkeypatch):
    part = Unfinished(tmp_path / "folder")
    (part.path / "deep").mkdir(parents=True)
    (part.path / "deep" / "file").write_text("x")
    disk = Disk(monkeypatch)
    part.finish()
    *before, renamed, last = disk.did
    assert sorted(before) == sorted(f"sync {name}" for name in ("deep", "file", part.path.name))
    assert (renamed, last) == ("rename folder", f"sync {tmp_path.name}")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_that_cannot_sync_is_no_error(tmp_path, monkeypatch, number):
    Disk(monkeypatch, number)
    with unfinished(tmp_path / "out.txt") as part:
        part.write_text("new")
    assert (tmp_path / "out.txt").read_text() == "new"


def test_what_does_not_reach_the_disk_gets_no_name(tmp_path, monkeypatch):
    target = tmp_path / "out.txt"
    target.write_text("old")
    Disk(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), unfinished(target) as part:
        part.write_text("new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_windows_opens_no_folder(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    part = tmp_path / "part"
    part.write_text("x")
    with monkeypatch.context() as patch:
        patch.setattr("segmentation.unfinished.os", SimpleNamespace(**vars(os) | {"name": "nt"}))
        put_in_place(part, tmp_path / "out.txt")
    assert disk.did == ["sync part", "rename out.txt"]
