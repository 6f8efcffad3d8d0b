"""Outputs that would be in each other's way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stream.batch.clashes import check_told_apart
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
