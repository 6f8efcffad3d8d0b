"""What is left to do, by what is recorded and what stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from segmentation.unfinished import Unfinished
from stream.batch.jobs.job import Job
from stream.batch.jobs.records import Record, Records
from stream.batch.jobs.rules import Rules
from stream.batch.jobs.source_state import source_state
from stream.batch.plan import Plan, discard_parts, make_plan, sizes_in
from stream.errors import StreamError
from stream.stores.addresses import Place

RULES = Rules({"effect": "blur"}, "1.0")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """One that is done."""
    (tmp_path / "in.jpg").write_bytes(b"photo")
    out = tmp_path / "out"
    out.mkdir()
    (out / "in.jpg").write_bytes(b"result")
    job = Job(tmp_path / "in.jpg", (out / "in.jpg",), True)
    Records(out).write(
        Record("in.jpg", "done", "1.0", {"effect": "blur"}, source_state(job.source), 6, 0.5, 1)
    )
    return job


def planned(job: Job, records: Mapping[Place, Record], rules: Rules) -> Plan:
    return make_plan([job], records, rules, sizes_in(job.outputs[0].parent))


def is_kept(job: Job, rules: Rules = RULES) -> bool:
    plan = planned(job, Records(job.outputs[0].parent).all(), rules)
    assert len(plan.to_do) + len(plan.kept) == 1
    return bool(plan.kept)


def record_of(job: Job) -> Record:
    return Records(job.outputs[0].parent).all()[job.outputs[0]]


def test_what_stands_as_recorded_is_done(job: Job) -> None:
    assert is_kept(job)
    (_, outcome), *_ = planned(job, {job.outputs[0]: record_of(job)}, RULES).kept
    assert (outcome.state, outcome.seconds, outcome.num_frames) == ("done", 0.5, 1)


CHANGES: dict[str, Callable[[Job], object]] = {
    "another input": lambda job: job.source.write_bytes(b"another photo"),
    "an output that is gone": lambda job: job.outputs[0].unlink(),
    "an output that was cut off": lambda job: job.outputs[0].write_bytes(b"res"),
    "an output that is empty": lambda job: job.outputs[0].write_bytes(b""),
    "a record that cannot be read": lambda job: next(
        job.outputs[0].parent.rglob("*.json")
    ).write_text("{"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_done_anew(job: Job, change: str) -> None:
    CHANGES[change](job)
    assert not is_kept(job, replace(RULES, overwrite=True))


def test_other_options_do_it_anew(job: Job) -> None:
    assert not is_kept(job, replace(RULES, recipe={"effect": "grey"}))


def test_what_another_version_made_is_told_and_kept(job: Job) -> None:
    rules = replace(RULES, version="2.0")
    plan = planned(job, Records(job.outputs[0].parent).all(), rules)
    assert (len(plan.kept), dict(plan.older)) == (1, {"1.0": 1})
    assert not is_kept(job, replace(rules, redo_older=True))


def test_what_is_there_in_part_is_kept_unless_asked_for(job: Job) -> None:
    Records(job.outputs[0].parent).write(replace(record_of(job), state="partial", error="short"))
    assert is_kept(job)
    assert not is_kept(job, replace(RULES, retry_failed=True))


def test_what_no_batch_has_made_is_not_replaced(job: Job) -> None:
    Records(job.outputs[0].parent).forget(job.outputs[0])
    with pytest.raises(StreamError, match=r"in\.jpg: 1 outputs exist that no batch has made"):
        is_kept(job)
    assert not is_kept(job, replace(RULES, overwrite=True))


def test_what_somebody_has_changed_since_is_kept_and_told(job: Job) -> None:
    """By what there is to be seen: whoever cuts a film shorter makes it smaller."""
    output, records = job.outputs[0], Records(job.outputs[0].parent).all()
    for theirs in (b"retouched result", b"res"):
        output.write_bytes(theirs)
        plan = planned(job, records, RULES)
        ((_, outcome),) = plan.kept
        assert (outcome.state, plan.changed) == ("done", [output])
        assert outcome.remarks == (f"{output}: was changed since it was made; kept as it is",)
        assert planned(job, records, replace(RULES, overwrite=True)).to_do == [job]
        for rules in (replace(RULES, recipe={}), replace(RULES, version="2", redo_older=True)):
            with pytest.raises(StreamError, match="1 outputs exist that no batch has made as they"):
                planned(job, records, rules)
    output.write_bytes(b"")  # nobody's work
    assert planned(job, records, RULES).to_do == [job]


def test_what_was_begun_may_be_replaced(job: Job) -> None:
    Records(job.outputs[0].parent).write(replace(record_of(job), state="begun", num_bytes=0))
    assert not is_kept(job)


def test_an_input_that_is_gone_is_told(job: Job) -> None:
    job.source.unlink()
    plan = planned(job, {}, RULES)
    ((_, outcome),) = plan.lost
    assert outcome.state == "failed"
    assert "in.jpg: cannot be read" in outcome.error


def test_parts_of_dead_batches_are_deleted_unless_in_use(job: Job) -> None:
    dead, alive, other = (
        Unfinished(job.outputs[0]),
        Unfinished(job.outputs[0]),
        Unfinished(job.outputs[0].with_name("other.jpg")),
    )
    for part in (dead, alive, other):
        part.hold()
    for part in (dead, other):
        part.release()
    discard_parts([job])
    assert [part.path.exists() for part in (dead, alive, other)] == [False, True, True]
    alive.discard()


def test_a_record_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: Job
) -> None:
    import os

    calls: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: calls.append("sync"))
    rename = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("name"), rename(*paths)))
    Records(tmp_path / "out").write(record_of(job))
    assert calls == ["sync", "name", "sync"]


def test_what_a_killed_worker_began_is_of_the_batch(job: Job) -> None:
    out, before = job.outputs[0].parent, record_of(job)
    records = Records(out)
    ended = records.begin(job.outputs, job.outputs)
    begun = records.begin(job.outputs, ())
    records.end(ended)
    assert planned(job, records.all(), RULES).to_do == [job]
    records.write(before)
    assert is_kept(job)
    records.forget(job.outputs[0])
    assert begun in {f"begun/{path.name}" for path in out.glob(".maskcast/records/begun/*")}
    records.end_all({"other.jpg"})
    assert planned(job, Records(out).all(), RULES).to_do == [job]
    records.end_all({records.name(job.outputs[0]), "other.jpg"})
    with pytest.raises(StreamError, match="no batch has made"):
        planned(job, Records(out).all(), RULES)


@pytest.mark.parametrize("overwrite", [False, True])
def test_only_where_nothing_stands_an_output_is_new(job: Job, overwrite: bool) -> None:
    records, rules = Records(job.outputs[0].parent).all(), Rules({}, "1.0", overwrite=overwrite)
    assert [each.is_new for each in planned(job, records, rules).to_do] == [False]
    assert isinstance(job.outputs[0], Path)
    job.outputs[0].unlink()
    assert [each.is_new for each in planned(job, records, rules).to_do] == [not overwrite]
