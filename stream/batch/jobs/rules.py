"""What counts as done of a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stream.batch.jobs.job import Job, Outcome, State
from stream.batch.jobs.records import Record
from stream.stores.addresses import Place
from stream.stores.file_state import FileState


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as done.

    Attributes:
        recipe: see `Settings.recipe`.
        version: of the program.
        redo_older: what another version made is made anew.
        retry_failed: what is partial as well.
        overwrite: files that no batch made as they are may be replaced.
    """

    recipe: Mapping[str, Any]
    version: str
    redo_older: bool = False
    retry_failed: bool = False
    overwrite: bool = False

    def with_recipe(self, more: Mapping[str, Any]) -> Rules:
        """Return the same, for what depends on more."""
        return replace(self, recipe={**self.recipe, **more})


def outcome_before(
    job: Job,
    records: Mapping[Place, Record],
    state: FileState,
    rules: Rules,
    sizes: Callable[[Place], int | None],
) -> Outcome | None:
    """Return what came of a job whose outputs all stand as they should, else `None`.

    Args:
        job: that may have been done.
        records: by the outputs.
        state: of its source now.
        rules: what counts as done.
        sizes: of what stands under the name of an output, in bytes, `None` where nothing does.
    """
    known = [records.get(output) for output in job.outputs]
    for output, record in zip(job.outputs, known, strict=True):
        if record is None or record.source != state or record.recipe != rules.recipe:
            return None
        if record.state == "begun" or (record.state == "partial" and rules.retry_failed):
            return None
        if record.version != rules.version and rules.redo_older:
            return None
        if sizes(output) != record.num_bytes:
            return None
    worst = max((each for each in known if each is not None), key=lambda each: each.state)
    reached: State = "partial" if worst.state == "partial" else "done"
    seconds, num_frames, remarks = worst.seconds, worst.num_frames, worst.remarks
    return Outcome(
        reached, seconds, num_frames, worst.duration_s, worst.error, worst.edges, remarks
    )
