"""What is told of photos that a batch does together: of each what is its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segmentation.segmenter import Options
from stream.batch.jobs.job import Job, Outcome
from stream.batch.jobs.records import Records
from stream.batch.jobs.settings import Settings
from stream.batch.workers.worker import Worker
from tests.inputs.photo_files import person
from tests.stand_ins.fakes import Oracle

CUT_OFF = "is damaged or cut off; what can be read of it is there, the rest is plain"
PAGES = "has 2 pages; the first one is taken"


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """A whole photo, two that are cut in half, one of two pages, and one of 16 bits."""
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    paths = [tmp_path / name for name in ("whole.png", "cut.jpg", "cut.png", "two.tif", "deep.png")]
    for path in paths[:3]:
        cv2.imwrite(str(path), image)
    for path in paths[1:3]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    first, *more = (Image.fromarray(page) for page in (image, person()))
    first.save(paths[3], save_all=True, append_images=more)
    cv2.imwrite(str(paths[4]), image.astype(np.uint16) * 257)
    return paths


def outcomes(jobs: Sequence[Job], out: Path, monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """Do jobs together; returns what came of each."""
    monkeypatch.setattr("stream.batch.workers.worker.load", lambda *_, **__: Oracle())
    ended: dict[int, Outcome] = {}
    Worker(out, Settings("portrait", Options()), {}, "1").do(
        jobs, ended.__setitem__, lambda time_s: None
    )
    return [ended[number] for number in range(len(jobs))]


@pytest.mark.parametrize("is_alone", [False, True])
def test_what_is_not_as_usual_is_told_of_each(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_alone: bool
) -> None:
    out = tmp_path / "out"
    jobs = [Job(path, (out / f"{path.stem}{path.suffix}.jpg",), True) for path in photos]
    groups = [[job] for job in jobs] if is_alone else [jobs]
    found = [each for group in groups for each in outcomes(group, out, monkeypatch)]
    assert [each.state for each in found] == ["done", "partial", "partial", "done", "done"]
    cut = [f"{path}: {CUT_OFF}" for path in photos[1:3]]
    assert [each.error for each in found] == ["", *cut, "", ""]
    deep = f"{jobs[4].outputs[0]}: "
    assert [each.remarks for each in found[:4]] == [
        (),
        (cut[0],),
        (cut[1],),
        (f"{photos[3]}: {PAGES}",),
    ]
    (remark,) = found[4].remarks
    assert remark.startswith(deep)
    assert "16" in remark
    records = Records(out).all()
    assert [records[job.outputs[0]].state for job in jobs] == [each.state for each in found]
