"""The report of a batch, and files of others that have its name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stream.batch.folders import Unread
from stream.batch.jobs.job import Job, Outcome
from stream.batch.report import Report, check_report_free
from stream.batch.shards import Shard
from stream.errors import StreamError

WHOLE = Shard(0, 1)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A report in `tmp_path`."""
    report = Report(2)
    for name in ("a", "b"):
        job = Job(Path(f"{name}.mp4"), (tmp_path / f"{name}.mp4",), is_photo=False)
        report.add(job, Outcome("failed", 0.0, error="no film"))
    return Path(str(report.save(tmp_path, WHOLE)))


def test_what_cannot_be_read_fails_and_what_was_told_before_does_not_again(tmp_path: Path) -> None:
    report, job = Report(3), Job(Path("a.jpg"), (tmp_path / "a.jpg",), is_photo=True)
    whole = Job(Path("b.jpg"), (tmp_path / "b.jpg",), is_photo=True)
    report.add(job, Outcome("partial", 0.1, 1, error="a.jpg: is cut off"), is_kept=True)
    report.add(whole, Outcome("done", 0.1, 1, remarks=("b.jpg: has 2 pages",)))
    assert (report.failures, report.num_remarked) == ([], 1)
    line = report.add_unread(Unread(Path("in"), "in: cannot be read"))
    assert (line["input"], line["output"], line["state"]) == ("in", [], "failed")
    assert report.failures == ["in: cannot be read"]
    assert report.summary() == "1 done, 1 failed, 1 made before"
    report.save(tmp_path, WHOLE)
    assert not refused(tmp_path)


def refused(folder: Path, shard: Shard = WHOLE, *, overwrite: bool = False) -> str:
    """Begin a batch; returns why it cannot have its report, "" where it can."""
    try:
        check_report_free(folder, shard, overwrite=overwrite)
    except StreamError as error:
        return str(error)
    return ""


def test_a_report_may_be_replaced(written: Path) -> None:
    assert not refused(written.parent)
    Report(0).save(written.parent, WHOLE)  # of a batch that was interrupted at once
    assert not refused(written.parent)


@pytest.mark.parametrize(
    "theirs",
    [
        b"mine\n",
        b"\xff\xfe\x00",
        b"[]\n",
        b'{"input": "a.mp4"}\n',
        b'{"frame": 0, "objects": []}\n',
    ],
)
def test_what_no_batch_has_written_is_not_replaced(written: Path, theirs: bytes) -> None:
    told = f"{written}: exists, and is no report of a batch; "
    for data in (theirs, written.read_bytes() + theirs):
        written.write_bytes(data)
        assert refused(written.parent).startswith(told)
        assert not refused(written.parent, Shard(0, 2))
        assert not refused(written.parent, overwrite=True)
    written.rename(written.with_name("report-0-of-2.jsonl"))
    assert refused(written.parent, Shard(0, 2))


@pytest.mark.skipif(sys.platform == "win32", reason="no such files")
def test_what_is_no_file_is_not_replaced(written: Path) -> None:
    written.unlink()
    os.mkfifo(written)
    assert refused(written.parent)
    written.unlink()
    written.mkdir()
    assert refused(written.parent, overwrite=True) == (
        f"{written}: is a folder; rename it, or name another for the outputs"
    )
