"""Outputs of a batch whose names somebody takes while they are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from segmentation.segmenter import Options
from stream.batch.jobs.job import Job, Outcome
from stream.batch.jobs.records import Records
from stream.batch.jobs.settings import Settings
from stream.batch.workers import each_photo, worker
from stream.batch.workers.taken import Taken
from stream.batch.workers.worker import Worker
from stream.errors import StreamError
from tests.stand_ins.fakes import Oracle

RED = np.full((48, 64, 3), (0, 0, 255), np.uint8)


def outcomes(tmp_path: Path, jobs: list[Job]) -> tuple[list[Outcome], Worker]:
    """Do jobs; returns what came of them in their order, and who did them."""
    ended: dict[int, Outcome] = {}
    by = Worker(tmp_path / "out", Settings("portrait", Options(), effect="none"), {}, "1")
    by.do(jobs, ended.__setitem__, lambda time_s: None)
    return [ended[number] for number in range(len(jobs))], by


def before(done: Callable[..., Any], *paths: Path) -> Callable[..., Any]:
    """Return what lets files appear before it does what it did."""

    def first(*given: Any, **more: Any) -> Any:
        for path in paths:
            path.write_text("theirs")
        return done(*given, **more)

    return first


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "load", lambda *_, **__: Oracle())


@pytest.fixture
def film(square_clip: Path, tmp_path: Path) -> Job:
    outputs = tmp_path / "out/film.mp4", tmp_path / "out/film.jsonl"
    return Job(square_clip, outputs, is_photo=False, is_new=True)


def test_what_somebody_made_meanwhile_is_not_replaced_and_never_counts_as_made(
    film: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = film.outputs[0]
    assert isinstance(theirs, Path)
    monkeypatch.setattr(worker, "play", before(worker.play, theirs))
    (outcome,), by = outcomes(tmp_path, [film])
    assert outcome.state == "failed"
    assert outcome.error == f"{theirs}: cannot be written (somebody made it meanwhile)"
    assert theirs.read_text() == "theirs"
    assert by._records.of(theirs) is None
    assert not list(theirs.parent.glob(".film*"))


def test_nor_what_came_between_plan_and_beginning(film: Job, tmp_path: Path) -> None:
    theirs = film.outputs[1]
    assert isinstance(theirs, Path)
    theirs.parent.mkdir()
    theirs.write_text("theirs")
    (outcome,), by = outcomes(tmp_path, [film])
    assert outcome.error == f"{theirs}: cannot be written (somebody made it meanwhile)"
    assert [path.name for path in theirs.parent.iterdir() if path.name[0] != "."] == [theirs.name]
    assert by._records.of(theirs) is None


def test_nor_what_comes_while_the_input_is_opened(
    film: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = film.outputs[0]
    assert isinstance(theirs, Path)
    monkeypatch.setattr(worker, "open_source", before(worker.open_source, theirs))
    (outcome,), by = outcomes(tmp_path, [film])
    assert (outcome.state, theirs.read_text()) == ("failed", "theirs")
    assert by._records.of(theirs) is None


def test_what_is_made_beside_a_taken_name_is_of_the_batch(
    film: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = film.outputs
    assert isinstance(theirs, Path)
    monkeypatch.setattr(worker, "play", before(worker.play, theirs))
    (outcome,), by = outcomes(tmp_path, [film])
    assert (outcome.state, theirs.read_text()) == ("failed", "theirs")
    record = by._records.of(ours)
    assert record is not None
    assert record.state == "begun"
    assert by._records.of(theirs) is None


def test_a_taken_name_is_nobodys_where_another_output_fails_before_it(
    film: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise StreamError("no space left")

    theirs = film.outputs[1]
    assert isinstance(theirs, Path)
    monkeypatch.setattr(worker, "play", before(worker.play, theirs))
    monkeypatch.setattr("stream.sinks.video.VideoSink.complete", fail)
    (outcome,), by = outcomes(tmp_path, [film])
    assert "no space left" in outcome.error
    assert theirs.read_text() == "theirs"
    assert by._records.of(theirs) is None


def test_a_taken_name_is_noted_among_other_failures() -> None:
    taken, error = Taken(), StreamError("two outputs")
    error.__cause__ = ExceptionGroup(
        "outputs", [OSError("no space left"), FileExistsError(17, "made meanwhile", "b.jsonl")]
    )
    taken.note(error)
    assert "b.jsonl" in taken
    assert "a.mp4" not in taken


def test_a_photo_that_fails_in_the_middle_is_done_once_and_of_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = []
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), RED)
        outputs = tuple(tmp_path / "out" / f"{name}{end}" for end in (".png", ".jsonl"))
        jobs.append(Job(tmp_path / f"{name}.png", outputs, is_photo=True, is_new=True))
    encode = each_photo.open_sink

    def opened(path: Path, *given: Any) -> Any:
        sink = encode(path, *given)
        if path.name == "a.jsonl":

            def fail(**_: Any) -> None:
                raise MemoryError("3 GiB")

            monkeypatch.setattr(sink, "finish", fail)
        return sink

    monkeypatch.setattr(each_photo, "open_sink", opened)
    (one, other), by = outcomes(tmp_path, jobs)
    assert (one.state, one.error, other.state) == ("failed", "3 GiB", "done")
    record = by._records.of(tmp_path / "out/a.png")
    assert record is not None
    assert record.state == "begun"


def test_what_a_batch_has_made_before_is_replaced(film: Job, tmp_path: Path) -> None:
    for _ in range(2):
        (outcome,), by = outcomes(tmp_path, [replace(film, is_new=False)])
        for output in film.outputs:
            by._records.forget(output)
        assert (outcome.state, outcome.error) == ("done", "")
        assert all(local.stat().st_size > 100 for local in film.outputs)


def test_what_another_batch_made_since_the_plan_stands(film: Job, tmp_path: Path) -> None:
    (made,), _ = outcomes(tmp_path, [film])
    before = [local.stat() for local in film.outputs]
    (outcome,), by = outcomes(tmp_path, [film])
    remark = f"{film.outputs[0]}: another batch made it meanwhile"
    assert (outcome.state, outcome.num_frames) == ("done", made.num_frames)
    assert outcome.remarks == (*made.remarks, remark)
    assert [local.stat() for local in film.outputs] == before
    by._recipe["effect"] = by._rules.recipe["effect"] = "grey"  # type: ignore[index]
    by.do([film], lambda _, anew: None, lambda time_s: None)
    assert all(local.stat() != old for local, old in zip(film.outputs, before, strict=True))


@pytest.mark.parametrize("what", [(Records, "begin"), (worker, "open_source"), (worker, "play")])
def test_two_batches_that_do_the_same_at_once_lose_nothing(
    film: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: tuple[Any, str]
) -> None:
    do = getattr(*what)

    def second(*given: Any, **more: Any) -> Any:
        monkeypatch.undo()
        monkeypatch.setattr(worker, "load", lambda *_, **__: Oracle())
        outcomes(tmp_path, [film])
        monkeypatch.setattr(worker, "load", None)
        return do(*given, **more)

    monkeypatch.setattr(*what, second)
    (outcome,), by = outcomes(tmp_path, [film])
    assert (outcome.state, outcome.error) == ("done", "")
    assert outcome.remarks[-1].endswith("another batch made it meanwhile")
    records = [by._records.of(output) for output in film.outputs]
    assert [None if record is None else record.state for record in records] == ["done", "done"]


def test_so_it_is_with_each_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = []
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), RED)
        jobs.append(Job(tmp_path / name, (tmp_path / "out" / name,), is_photo=True, is_new=True))
    theirs, ours = (tmp_path / "out" / name for name in ("a.png", "b.png"))
    encode = each_photo.open_sink

    def opened(path: Path, *given: Any) -> Any:
        sink = encode(path, *given)
        if path == theirs:
            path.write_text("theirs")
        return sink

    monkeypatch.setattr(each_photo, "open_sink", opened)
    (one, other), by = outcomes(tmp_path, jobs)
    assert (one.state, other.state) == ("failed", "done")
    assert one.error == f"{theirs}: cannot be written (somebody made it meanwhile)"
    assert theirs.read_text() == "theirs"
    assert by._records.of(theirs) is None
    assert np.array_equal(cv2.imread(str(ours)), RED)
