"""Outputs that would be in each other's way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stream.batch.clashes import check_apart, check_told_apart
from stream.batch.jobs.job import Job
from stream.batch.output_folder import make_writable, told_as_one
from stream.errors import StreamError

#: Names that are one on some disks: capitals, "é" as one character and as two.
CAPITALS = ("a/x.jpg", "a/X.JPG")
FORMS = ("caf\u00e9.jpg", "cafe\u0301.jpg")


def test_names_that_differ_little_are_refused_where_the_disk_does_not_tell_them_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    jobs = [
        Job(Path("in", name), (out / name,), is_photo=True)
        for name in (*CAPITALS, *FORMS, "y.jpg", "b/x.jpg")
    ]
    make_writable(out)
    check_told_apart(jobs, out)  # as the disk of the test does
    touch = Path.touch

    def touch_without_capitals(path: Path, *, exist_ok: bool = True) -> None:
        touch(path.with_name(path.name.lower()), exist_ok=exist_ok)

    monkeypatch.setattr(Path, "touch", touch_without_capitals)
    with pytest.raises(StreamError) as told:
        check_told_apart(jobs, out)
    assert str(told.value) == (
        f"{out}/a/x.jpg: would be the output of in/a/x.jpg, in/a/X.JPG; the disk of {out} does not "
        "tell such names apart: rename them, or name a folder on another disk"
    )
    check_told_apart(jobs[2:], out)
    assert os.listdir(out / ".maskcast") == []


def test_whether_a_disk_tells_names_apart_is_tried(tmp_path: Path) -> None:
    out = tmp_path / "out"
    make_writable(out)
    groups = [[Path(name) for name in names] for names in (CAPITALS, FORMS, ("b.jpg", "b.jpg"))]
    # what the disk itself says
    expected = [2]
    for number, (one, other) in enumerate([("t", "T"), ("\u00e9", "e\u0301")]):
        (tmp_path / one).touch()
        expected += [number] * (tmp_path / other).exists()
    assert told_as_one(groups, out) == sorted(expected)
    assert os.listdir(out / ".maskcast") == []


def film(folder: Path, name: str, output: str = "") -> Job:
    """Write what stands for a film; returns the job that makes it anew in `out`."""
    source = folder / name
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_bytes(b"film")
    return Job(source, (folder / "out" / (output or source.name),), is_photo=False)


def test_no_job_replaces_the_input_of_another(tmp_path: Path) -> None:
    out = tmp_path / "out"
    jobs = [film(tmp_path, "in/b.mp4"), film(tmp_path, "out/b.mp4", "c.mp4")]
    with pytest.raises(StreamError, match=r"out/b\.mp4: would be .*/in/b\.mp4, and is an input"):
        check_apart(jobs, out)
    check_apart(jobs[:1], out)  # which is in the way, as is told elsewhere
    with pytest.raises(StreamError, match=r"out/b\.mp4: is the input; name another folder"):
        check_apart([film(tmp_path, "out/b.mp4")], out)


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_nor_by_another_name(tmp_path: Path, link: Callable[[Path, Path], None]) -> None:
    jobs = [film(tmp_path, "in/b.mp4"), film(tmp_path, "in/c.mp4")]
    (tmp_path / "out").mkdir()
    link(jobs[1].source, tmp_path / "out/b.mp4")
    with pytest.raises(StreamError, match=r"out/b\.mp4: would be .* and is an input"):
        check_apart(jobs, tmp_path / "out")


def test_no_output_is_the_folder_of_another(tmp_path: Path) -> None:
    jobs = [film(tmp_path, "in/x.mov", "x.mp4"), film(tmp_path, "in/x.mp4/y.mp4", "x.mp4/y.mp4")]
    with pytest.raises(StreamError, match=r"out/x\.mp4: would be .*/x\.mov, and the folder of "):
        check_apart(jobs, tmp_path / "out")
    (tmp_path / "out/x.mp4").mkdir(parents=True)
    with pytest.raises(StreamError, match=r"out/x\.mp4: is a folder"):
        check_apart(jobs[:1], tmp_path / "out")


@pytest.mark.parametrize(
    "name", ["report.jsonl", "report-0-of-8.jsonl", "Report.jsonl", "report.jsonl/a.mp4"]
)
def test_no_output_has_the_name_of_the_report(tmp_path: Path, name: str) -> None:
    with pytest.raises(StreamError, match=rf"out/{name}: .* report of the batch"):
        check_apart([film(tmp_path, "a.mp4", name)], tmp_path / "out")
    check_apart([film(tmp_path, "a.mp4", f"sub/{name}")], tmp_path / "out")
