"""Outputs that would be in the way of each other, or in that of inputs."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from segmentation.segmenter import composed
from stream.batch.jobs.job import Job
from stream.batch.output_folder import told_as_one
from stream.errors import StreamError
from stream.stores.addresses import Place, below

_MAX_NAMED = 5  # files of one problem, in a message


def check_apart(jobs: Sequence[Job]) -> None:
    """Raise `StreamError` where several files would become one output, or overwrite an input."""
    sources: dict[str, list[Place]] = defaultdict(list)
    for job in jobs:
        for output in job.outputs:
            name = os.path.normcase(output) if isinstance(output, Path) else str(output)
            sources[name].append(job.source)
            if not isinstance(output, Path) and output == job.source:  # a disk's sinks look there
                raise StreamError(f"{output}: is the input; name another folder")
    together = {output: paths for output, paths in sources.items() if len(paths) > 1}
    if together:
        shown, paths = min(together.items())
        raise StreamError(
            f"{_clash(shown, paths, len(together))}; name their folders, which keep their "
            "structure, or begin a batch for each"
        )


def check_told_apart(jobs: Sequence[Job], folder: Place) -> None:
    """Check outputs whose names differ by capitals or Unicode form alone.

    Not every disk tells them apart: there each would replace the one before.

    Args:
        jobs: of the whole batch.
        folder: of the outputs, which can be written to.

    Raises:
        StreamError: several would be one file, or the folder cannot be written to any more.
    """
    if not isinstance(folder, Path):
        return
    alike: dict[str, list[tuple[Place, Place]]] = defaultdict(list)
    for job in jobs:
        for output in job.outputs:
            alike[composed(str(output)).casefold()].append((output, job.source))
    doubtful = [pairs for pairs in alike.values() if len(pairs) > 1]
    names = [[below(output, folder) for output, _ in pairs] for pairs in doubtful]
    together = [doubtful[number] for number in told_as_one(names, folder)]
    if together:
        shown, paths = min(
            (str(pairs[0][0]), [source for _, source in pairs]) for pairs in together
        )
        raise StreamError(
            f"{_clash(shown, paths, len(together))}; the disk of {folder} does not tell such names "
            "apart: rename them, or name a folder on another disk"
        )


def _clash(shown: str, sources: Sequence[Place], num: int) -> str:
    """Return that several files would become one output, `num` times."""
    more = f" (and {num - 1} more such)" if num > 1 else ""
    return f"{shown}: would be the output of {some_of(sources)}{more}"


def some_of(paths: Sequence[Place | str]) -> str:
    """Return the first of some paths, for a message."""
    names = ", ".join(map(str, paths[:_MAX_NAMED]))
    return f"{names}, ..." if len(paths) > _MAX_NAMED else names
