"""What of a batch is left to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from segmentation.unfinished import PART, discard_if_left, unfinished_in
from stream.batch.clashes import some_of
from stream.batch.jobs.job import Job, Outcome
from stream.batch.jobs.records import Record
from stream.batch.jobs.rules import Rules, outcome_before
from stream.errors import StreamError
from stream.stores.addresses import Place


@dataclass(slots=True)
class Plan:
    """What is left, and what is not.

    Attributes:
        to_do: jobs to be done.
        kept: those whose outputs stand, and what came of them.
        lost: those that cannot be done, and why.
        older: how many of `kept` each other version of the program made.
        changed: outputs of `kept` that somebody has changed since.
    """

    to_do: list[Job] = field(default_factory=list)
    kept: list[tuple[Job, Outcome]] = field(default_factory=list)
    lost: list[tuple[Job, Outcome]] = field(default_factory=list)
    older: Counter[str] = field(default_factory=Counter)
    changed: list[Place] = field(default_factory=list)


def make_plan(
    jobs: Sequence[Job],
    records: Mapping[Place, Record],
    rules: Rules,
    sizes: Callable[[Place], int | None],
) -> Plan:
    """Say of each job whether it is left to do.

    Args:
        jobs: that may have been done.
        records: by the outputs.
        rules: what counts as done.
        sizes: of what stands under the name of an output, in bytes, `None` where nothing does.

    Raises:
        StreamError: files that no batch made as they are are in the way.
    """
    plan, in_the_way = Plan(), list[Place]()
    for job in jobs:
        try:
            state = job.state()
        except OSError as error:
            reason = f"{job.source}: cannot be read ({error.strerror or error})"
            plan.lost.append((job, Outcome("failed", 0.0, error=reason)))
            continue
        theirs = [output for output in job.outputs if _is_theirs(output, records, sizes)]
        looked_at = sizes if rules.overwrite else _as_recorded(theirs, records, sizes)
        kept = outcome_before(job, records, state, rules, looked_at)
        if kept is None:
            is_new = not rules.overwrite and all(sizes(each) is None for each in job.outputs)
            plan.to_do.append(replace(job, is_new=is_new))
            in_the_way += theirs
            continue
        plan.kept.append((job, _with_remarks(kept, theirs)))
        plan.changed += theirs
        if (first := records[job.outputs[0]]).version != rules.version:
            plan.older[first.version] += 1
    if in_the_way and not rules.overwrite:
        raise StreamError(
            f"{some_of(in_the_way)}: {len(in_the_way)} outputs exist that no batch has made as "
            "they are; name another folder, or add -y to replace them"
        )
    return plan


def _is_theirs(
    output: Place, records: Mapping[Place, Record], sizes: Callable[[Place], int | None]
) -> bool:
    """Whether what stands under a name was made or changed by somebody.

    Outputs appear as they are recorded: whoever made another size of one has worked at it.
    """
    size, record = sizes(output), records.get(output)
    if size is None or record is None:
        return size is not None
    return size > 0 and record.state != "begun" and size != record.num_bytes


def _as_recorded(
    outputs: Sequence[Place],
    records: Mapping[Place, Record],
    sizes: Callable[[Place], int | None],
) -> Callable[[Place], int | None]:
    """Return what takes some outputs for as large as they were, see `make_plan`."""
    known = {output: records[output].num_bytes for output in outputs if output in records}
    return lambda output: known[output] if output in known else sizes(output)


def _with_remarks(outcome: Outcome, changed: Sequence[Place]) -> Outcome:
    more = [f"{output}: was changed since it was made; kept as it is" for output in changed]
    return replace(outcome, remarks=(*outcome.remarks, *more))


def sizes_in(folder: Place) -> Callable[[Place], int | None]:
    """Return what says how large outputs in a folder are now, see `make_plan`.

    Raises:
        StreamError: an object store cannot be asked.
    """
    if isinstance(folder, Path):
        return _size_on_disk
    from stream.stores.objects import objects_below

    found = objects_below(folder).items()
    sizes: dict[Place, int] = {place: state.num_bytes for place, state in found}
    return lambda output: sizes.get(output)


def _size_on_disk(path: Place) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def discard_parts(jobs: Sequence[Job]) -> None:
    """Delete what dead batches left on its way to the outputs of jobs, unless it is in use."""
    targets = {each for job in jobs for each in job.outputs if isinstance(each, Path)}
    for folder in {target.parent for target in targets}:
        try:
            parts = unfinished_in(folder, PART)
        except OSError:
            continue
        for part, target in parts.items():
            if target in targets:
                discard_if_left(part)
