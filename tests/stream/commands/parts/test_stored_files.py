"""Outputs that go to object stores: sent, or kept here."""

from __future__ import annotations

import errno
import itertools
import json
import os
import pkgutil
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("s3fs", reason="the extra s3")
pytest.importorskip("moto", reason="the extra dev")

import run
from stream.frame import Output
from stream.pipeline import Pipeline, Tracked
from stream.running import loop
from stream.stores.addresses import place
from stream.stores.objects import read
from tests import ffmpeg_reference as reference
from tests.users.object_store import ObjectStore, object_store, own_scratch

OUT = "s3://films/out"
PUT = "stream.stores.transfers.put"
KEEP = "stream.commands.parts.stored_files.StoredFiles.keep"
MOVED = "stream.stores.rescue.moved_home"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ObjectStore]:
    """A video of ten frames here, and a folder of its own for temporary files."""
    scratch = own_scratch(monkeypatch, tmp_path)
    clip = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=0.4", "-c:v", "libx264")
    reference.ffmpeg(*clip, tmp_path / "a.mp4")
    with object_store(monkeypatch) as running:
        yield running
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("names", [["x.mp4"], ["x.mp4", "y.mkv"]])
def test_what_cannot_be_sent_is_kept_here(
    names: list[str],
    store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stream.stores.failures.PAUSES_S", ())
    store.accident = lambda method, path: "500" if method == "PUT" else None
    named = (word for name in names for word in ("-o", f"{OUT}/{name}"))
    assert run.main([str(tmp_path / "a.mp4"), *named]) == 1
    kept = [path for name in names for path in tmp_path.glob(f"maskcast-*/{name}")]
    assert [path.name for path in kept] == names
    line = capsys.readouterr().err.splitlines()[-1]
    for name, path in zip(names, kept, strict=True):
        assert f"s3://films/out/{name}: cannot be written" in line
        assert f"it lies in {path}" in line
        assert len(reference.picture_times_s(path)) == 10
    assert line.endswith(f"it lies in {kept[-1]}")


def test_what_was_done_is_sent_whatever_fails(
    store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    composite = Pipeline.composite

    def fail(self: Pipeline, tracked: Tracked, *, again: bool = False) -> Output:
        if next(count) == 4:
            raise MemoryError("no room for a picture")
        return composite(self, tracked, again=again)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Pipeline, "composite", fail)
    film, stats = tmp_path / "made.mp4", tmp_path / "stats.json"
    for number, accident in enumerate((None, "500")):
        count = itertools.count()
        monkeypatch.setattr("stream.stores.failures.PAUSES_S", ())
        store.accident = lambda method, path: accident if method == "PUT" else None  # noqa: B023
        line = [str(tmp_path / "a.mp4"), "-o", f"{OUT}/{number}.mp4", "--stats", str(stats), "-y"]
        assert run.main(line) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: no room for a picture; the first 4 frames (0.2 s) are kept")
        assert error.endswith(" (MemoryError; add --debug to see where)")
        if accident is None:
            film.write_bytes(read(place(f"{OUT}/{number}.mp4")))
        else:
            (film,) = tmp_path.glob(f"maskcast-*/{number}.mp4")
            assert f"{OUT}/{number}.mp4: cannot be written" in error
            assert f"it lies in {film}" in error
        assert len(reference.picture_times_s(film)) == 4
        assert json.loads(stats.read_text())["frames"]["processed"] >= 4
        stats.unlink()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_interrupted_as_it_is_sent_is_kept(
    number: signal.Signals,
    store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answering: list[threading.Thread] = []

    def interrupt(method: str, path: str) -> None:
        if method == "PUT" and path.endswith("/x.mp4") and not answering:  # it is tried again
            answering.append(threading.current_thread())
            signal.raise_signal(number)
            time.sleep(2)

    monkeypatch.chdir(tmp_path)
    store.accident = interrupt
    outputs = ("-o", f"{OUT}/x.mp4", "-o", f"{OUT}/y.mkv")
    assert run.main([str(tmp_path / "a.mp4"), *outputs]) == 130
    kept = [*tmp_path.glob("maskcast-*/x.mp4"), *tmp_path.glob("maskcast-*/y.mkv")]
    assert [len(reference.picture_times_s(path)) for path in kept] == [10, 10]
    said = capsys.readouterr().err.splitlines()[-2:]
    for thread in answering:
        thread.join()
    assert all(line.endswith(f"it lies in {at}") for line, at in zip(said, kept, strict=True))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("stream.commands.parts.stored_files.StoredFiles.send", 0),  # the outputs are being left
        ("stream.commands.parts.stored_files.StoredFiles._whole", 130),
        (PUT, 130),
        (KEEP, 130),
        (MOVED, 130),
    ],
)
def test_wherever_signals_come_after_a_run_its_output_is_there(
    name: str,
    code: int,
    store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One as something begins, and one that is sent along, as it has come."""

    def interrupt_at(where: str) -> None:
        owner, _, own = where.rpartition(".")
        module = pkgutil.resolve_name(owner)
        begin, passed = getattr(module, own), list[str]()

        def interrupted(*arguments: Any) -> Any:
            if not passed:
                passed.append(own)
                signal.raise_signal(signal.SIGINT)
            return begin(*arguments)

        monkeypatch.setattr(module, own, interrupted)

    monkeypatch.chdir(tmp_path)
    for where in {name, KEEP, *([PUT] if name in (KEEP, MOVED) else [])}:
        interrupt_at(where)
    assert run.main([str(tmp_path / "a.mp4"), "-o", f"{OUT}/x.mp4"]) == code
    if code == 0:
        assert read(place(f"{OUT}/x.mp4"))
        return
    (film,) = tmp_path.glob("maskcast-*/x.mp4")
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"it lies in {film}")
    assert len(reference.picture_times_s(film)) == 10


def test_what_cannot_be_taken_out_of_the_temporary_files_is_not_deleted_with_them(
    store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    renamed, scratch = os.rename, tmp_path / "scratch"

    def rename(here: str | Path, there: str | Path) -> None:
        if Path(here).parent.name.startswith("send-") or Path(here).name.startswith("send-"):
            raise PermissionError(errno.EACCES, "Permission denied")
        renamed(here, there)

    def full(here: Path, there: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stream.stores.failures.PAUSES_S", ())
    store.accident = lambda method, path: "500" if method == "PUT" else None
    with monkeypatch.context() as patch:
        patch.setattr("os.rename", rename)
        patch.setattr("shutil.copyfile", full)
        assert run.main([str(tmp_path / "a.mp4"), "-o", f"{OUT}/x.mp4"]) == 1
    (film,) = scratch.rglob("x.mp4")
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"it lies in {film}")
    store.accident = lambda method, path: None
    assert run.main([str(tmp_path / "a.mp4"), "-o", f"{OUT}/y.mp4"]) == 0
    (film,) = tmp_path.glob("maskcast-*/x.mp4")
    line = f"x.mp4: a run that was killed had not sent it; it lies in {film}"
    assert line in capsys.readouterr().err.splitlines()
    assert len(reference.picture_times_s(film)) == 10


@pytest.fixture
def other_disk(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder and the user's, on another disk than the temporary files."""
    renamed, scratch = os.rename, tmp_path / "scratch"

    def rename(here: str | Path, there: str | Path) -> None:
        if scratch in Path(here).parents and scratch not in Path(there).parents:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        renamed(here, there)

    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr("os.rename", rename)
    monkeypatch.setattr("stream.stores.failures.PAUSES_S", ())
    store.accident = lambda method, path: "500" if method == "PUT" else None
    return folder


def test_what_cannot_be_sent_is_copied_to_another_disk_whole(
    other_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main([str(tmp_path / "a.mp4"), "-o", f"{OUT}/x.mp4"]) == 1
    (kept,) = other_disk.glob("maskcast-*/*")
    assert len(reference.picture_times_s(kept)) == 10
    first, last = capsys.readouterr().err.splitlines()[-2:]
    assert f"it lies in {tmp_path}/scratch/maskcast-" in first
    assert last.endswith(f"it lies in {kept}")


@pytest.mark.parametrize(
    ("failure", "code"), [(OSError(errno.ENOSPC, "No space left on device"), 1), (None, 130)]
)
def test_it_is_kept_where_it_lies_if_it_cannot_be_copied(
    failure: OSError | None,
    code: int,
    other_disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def half(here: Path, there: Path) -> None:
        there.write_bytes(here.read_bytes()[:1000])
        raise failure or KeyboardInterrupt  # as a Ctrl-C more than `LEAVING_S` later

    monkeypatch.setattr("shutil.copyfile", half)
    outputs = ("-o", f"{OUT}/x.mp4", "-o", f"{OUT}/y.mkv")
    assert run.main([str(tmp_path / "a.mp4"), *outputs]) == code
    told = capsys.readouterr().err
    for name in ("x.mp4", "y.mkv"):
        (kept,) = (tmp_path / "scratch").glob(f"maskcast-*/{name}")
        last = next(line for line in reversed(told.splitlines()) if name in line)
        assert f"{OUT}/{name}: cannot be written" in last
        assert f"it lies in {kept}" in last
        assert len(reference.picture_times_s(kept)) == 10
        shutil.rmtree(kept.parent)
    assert list(other_disk.glob("maskcast-*")) == []


def test_an_output_that_is_whole_is_kept_where_the_run_is_given_up(
    store: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    play = loop.play

    def give_up(*arguments: Any, **options: Any) -> bool:
        play(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "play", give_up)
    assert run.main([str(tmp_path / "a.mp4"), "-o", f"{OUT}/x.mp4"]) == 130
    (kept,) = tmp_path.glob("maskcast-*/x.mp4")
    line = f"s3://films/out/x.mp4: not sent; it lies in {kept}"
    assert capsys.readouterr().err.splitlines()[-1] == line
    assert len(reference.picture_times_s(kept)) == 10
