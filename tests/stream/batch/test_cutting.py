"""Which films are cut, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from segmentation.segmenter import Options
from stream.batch import cutting
from stream.batch.cutting import Cut, Length, cut
from stream.batch.jobs.job import Job
from stream.batch.jobs.rules import Rules
from stream.batch.jobs.settings import Settings
from stream.tracking import Keyframes
from tests import ffmpeg_reference as reference
from tests.inputs.irregular_film import DURATION_S, write_film

SETTINGS = Settings("portrait", Options())


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mkv")


def cut_one(film: Path, length: Length, settings: Settings = SETTINGS, ending: str = ".mp4") -> Cut:
    folder = film.parent / "out"
    job = Job(film, (folder / f"film{ending}",), is_photo=False)
    return cut([job], length, settings, folder, {}, Rules({}, "1"))


def test_parts_are_of_one_length_and_hold_all_of_the_film(film):
    jobs = cut_one(film, Length(1.5, 2)).jobs
    parts = [job.part for job in jobs if job.part is not None]
    assert [part.number for part in parts] == [0, 1, 2]
    sections = [part.section for part in parts]
    assert sections[0].from_s == 0.0
    assert [section.until_s for section in sections[:-1]] == [s.from_s for s in sections[1:]]
    assert sections[-1].until_s is None
    assert sections[1].from_s == pytest.approx(DURATION_S / 3, abs=0.1)


def test_parts_look_as_far_around_as_keyframes_reach(film):
    settings = Settings("portrait", Options(), keyframes=Keyframes(every=100))
    (first, *_) = cut_one(film, Length(1.5, 2), settings).jobs
    assert first.part is not None
    assert first.part.around_s >= 2 * 100 / 25


@pytest.mark.parametrize("num_workers", [1, 4])
def test_auto_cuts_where_there_are_more_workers_than_files(film, monkeypatch, num_workers):
    monkeypatch.setattr(cutting, "_SHORTEST_S", 0.5)
    jobs = cut_one(film, Length(None, num_workers)).jobs
    assert len(jobs) == num_workers


def test_auto_cuts_no_short_film(film):
    found = cut_one(film, Length(None, 8))
    assert [job.part for job in found.jobs] == [None]
    assert found.remarks == []


@pytest.mark.parametrize(
    ("container", "ending", "settings", "why"),
    [
        (".ts", ".mp4", SETTINGS, "no index"),
        (".mkv", ".jsonl", SETTINGS, "film.jsonl is no video"),
        (".mkv", ".mov", Settings("portrait", Options(), effect="cutout"), "transparent"),
    ],
)
def test_what_cannot_be_cut_is_done_whole_and_said(film, container, ending, settings, why):
    other = film.with_suffix(container)
    if other != film:
        reference.ffmpeg("-i", film, "-map", "0:v", "-c", "copy", other)
    found = cut_one(other, Length(1.0, 2), settings, ending)
    assert [job.part for job in found.jobs] == [None]
    (remark,) = found.remarks
    assert why in remark


def test_small_files_are_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(cutting, "log_of", lambda arguments: pytest.fail("it was opened"))
    (tmp_path / "small.mp4").write_bytes(bytes(1000))
    assert len(cut_one(tmp_path / "small.mp4", Length(60.0, 2)).jobs) == 1
