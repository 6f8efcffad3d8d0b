"""What follows from the end of each part of a film."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.batch.films import Films
from stream.batch.jobs.job import Job, Outcome
from stream.batch.jobs.part_files import part_jobs
from stream.batch.jobs.section import Section
from stream.errors import StreamError

DONE = Outcome("done", 1.0)
FAILED = Outcome("failed", 1.0, error="why")


@pytest.fixture
def film(tmp_path: Path) -> Job:
    return Job(tmp_path / "in.mp4", (tmp_path / "out/in.mp4",), is_photo=False)


@pytest.fixture
def parts(film: Job) -> tuple[Job, ...]:
    sections = [Section(0.0, 2.0), Section(2.0, 4.0), Section(4.0)]
    made = part_jobs(film, film.outputs[0].parent, sections, 2.0, ".mp4")
    for part in made:
        part.outputs[0].parent.mkdir(parents=True, exist_ok=True)
        part.outputs[0].write_bytes(b"part")
    return made


def films_of(film: Job, parts: tuple[Job, ...]) -> Films:
    return Films({film: parts}, film.outputs[0].parent)


def test_parts_that_are_all_there_are_joined_and_then_the_film_is_done(film, parts):
    films = films_of(film, parts)
    for part in (parts[2], parts[0]):
        step = films.take(part, DONE)
        assert (step.begin, step.ended) == ((), None)
    (joining,) = films.take(parts[1], DONE).begin
    assert joining.parts == parts
    assert joining.outputs == film.outputs
    assert parts[0].outputs[0].exists()
    step = films.take(joining, DONE)
    assert step.ended == (film, DONE)
    assert not parts[0].outputs[0].exists()


def test_a_film_of_which_a_part_fails_is_done_in_one_piece(film, parts):
    films = films_of(film, parts)
    films.take(parts[0], DONE)
    step = films.take(parts[1], FAILED)
    assert step.begin == (film,)
    assert step.drop == set(parts)
    assert "why" in step.told
    assert not parts[0].outputs[0].exists()
    late = films.take(parts[2], DONE)  # it was under way
    assert (late.begin, late.ended) == ((), None)
    assert films.take(film, FAILED).ended == (film, FAILED)


@pytest.mark.parametrize("at", [1, 3])
def test_where_nothing_can_be_written_the_parts_stay(film, parts, at):
    films = films_of(film, parts)
    jobs = list(parts)
    for _ in range(at):
        jobs += films.take(jobs.pop(0), DONE).begin
    failed = Outcome("failed", 1.0, error=f"{film.outputs[0]}: No space left on device")
    step = films.take(jobs[0], failed)
    assert step.begin == ()
    assert step.drop == set(parts)
    assert step.ended is not None
    assert (step.ended[0], step.ended[1].state) == (film, "failed")
    assert step.ended[1].error.endswith("; the parts that are made stay for the next time")
    assert all(part.outputs[0].exists() for part in parts)
    late = films.take(parts[2], DONE)
    assert (late.begin, late.ended) == ((), None)


def test_a_film_whose_parts_cannot_be_joined_is_done_in_one_piece(film, parts):
    films = films_of(film, parts)
    steps = [films.take(part, DONE) for part in parts]
    step = films.take(steps[-1].begin[0], FAILED)
    assert (step.begin, step.ended) == ((film,), None)


def test_parts_that_cannot_be_deleted_yet_stop_nothing(film, parts, monkeypatch):
    def refuse(film, folder):
        raise StreamError("s3://out: cannot be listed (busy)")

    monkeypatch.setattr("stream.batch.films.discard_part_files", refuse)
    told = f"{film.source}: its parts cannot be deleted yet (s3://out: cannot be listed (busy))"
    films = films_of(film, parts)
    steps = [films.take(part, DONE) for part in parts]
    step = films.take(steps[-1].begin[0], DONE)
    assert (step.ended, step.told) == ((film, DONE), told)
    step = films_of(film, parts).take(parts[1], FAILED)
    assert (step.begin, step.drop) == ((film,), set(parts))
    assert "why" in step.told
    assert step.told.endswith(told)


def test_other_jobs_end_as_they_end(film, parts):
    other = Job(Path("b.mp4"), (Path("out/b.mp4"),), is_photo=False)
    assert films_of(film, parts).take(other, FAILED).ended == (other, FAILED)
