"""What a worker tells of jobs that cannot even be begun."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segmentation.segmenter import Options
from stream.batch.jobs.job import Job, Outcome
from stream.batch.jobs.settings import Settings
from stream.batch.workers.worker import Worker
from stream.stores.addresses import place
from stream.stores.scratch import clear_old_scratch


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """One whose outputs go to `out`, and which comes no farther than to its network."""
    network = SimpleNamespace(name="none", device="none")
    monkeypatch.setattr("stream.batch.workers.worker.load", lambda *_, **__: network)
    return Worker(tmp_path / "out", Settings("portrait", Options()), {}, "1")


def errors(worker: Worker, jobs: Sequence[Job]) -> list[str]:
    """Do jobs of which each is to fail; returns why."""
    ended: list[tuple[int, Outcome]] = []
    worker.do(jobs, lambda number, outcome: ended.append((number, outcome)), lambda time_s: None)
    assert [number for number, _ in ended] == list(range(len(jobs)))
    assert {outcome.state for _, outcome in ended} == {"failed"}
    return [outcome.error for _, outcome in ended]


def test_without_room_for_temporary_files(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("s3fs", reason="the extra s3")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    sources = [place(f"s3://films/{name}.jpg") for name in "ab"]
    jobs = [Job(each, (tmp_path / "out" / each.name,), is_photo=True) for each in sources]
    assert errors(worker, jobs) == [
        f"{source}: temporary files cannot be written (No such file or directory); set TMPDIR to a "
        "folder with room"
        for source in sources
    ]
    worker.close()


def test_a_folder_with_the_name_of_an_output_is_told(worker: Worker, tmp_path: Path) -> None:
    """It may come meanwhile, or be called so by a disk that tells no capitals apart."""
    (tmp_path / "a.mp4").write_bytes(b"film")
    (tmp_path / "out/a.mp4").mkdir(parents=True)
    job = Job(tmp_path / "a.mp4", (tmp_path / "out/a.mp4",), is_photo=False)
    assert errors(worker, [job]) == [f"{tmp_path}/out/a.mp4: is a folder"]


@pytest.mark.parametrize("follow", [True, False])
def test_where_the_folder_of_the_outputs_is_out_of_reach(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follow: bool
) -> None:
    """A share that is gone answers so, to whatever is asked of it."""
    out, look = tmp_path / "out", os.stat

    def stale(path: Any, **more: Any) -> os.stat_result:
        if str(path).startswith(str(out)) and more.get("follow_symlinks", True) == follow:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)
        result: os.stat_result = look(path, **more)
        return result

    monkeypatch.setattr(os, "stat", stale)
    jobs = [Job(tmp_path / name, (out / name,), is_photo=True) for name in ("a.jpg", "b.jpg")]
    for error in errors(worker, jobs):
        assert error.startswith(str(out))
        assert error.endswith("cannot be written (Stale file handle)")


def test_where_there_is_no_place_for_temporary_files_none_are_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in [...]")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    clear_old_scratch(print)
