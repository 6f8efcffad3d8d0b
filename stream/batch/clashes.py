"""Outputs that would be in the way of each other, or in that of inputs."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from segmentation.segmenter import composed
from stream.batch.jobs.job import Job
from stream.batch.output_folder import told_as_one
from stream.batch.report import is_report_name
from stream.errors import StreamError
from stream.files.outputs import file_ids
from stream.stores.addresses import Place, below

_MAX_NAMED = 5  # files of one problem, in a message
_MAX_CLASHES = 20  # likewise


def check_apart(jobs: Sequence[Job], folder: Place, *, keep_endings: bool = False) -> None:
    """Check that each output has a name of its own.

    Args:
        jobs: of the whole batch.
        folder: of the outputs.
        keep_endings: names hold the old endings as well.

    Raises:
        StreamError: several files would become one output; or an output would be an input, the
            folder of another output, or the report.
    """
    sources: dict[str, list[Place]] = defaultdict(list)
    for job in jobs:
        for output in job.outputs:
            sources[_name(output)].append(job.source)
    together = {output: paths for output, paths in sources.items() if len(paths) > 1}
    if together:
        advice = "; ".join(_advice(together, keep_endings=keep_endings))
        raise StreamError(f"{_clashes(together)}; {advice}")
    _check_inputs(jobs)
    _check_folders(jobs, folder)


def _advice(together: Mapping[str, Sequence[Place]], *, keep_endings: bool) -> Iterator[str]:
    """Yield what helps against each kind of clash that there is."""
    shown = [(output, paths) for output, paths in together.items() if _num_names(paths) > 1]
    if shown and keep_endings:
        yield "rename all but one of each"
    elif shown:
        output, paths = min(shown)
        example = f"{min(path.name for path in paths)}{PurePath(output).suffix}"
        yield f"--keep-endings keeps the endings of the inputs as well, as in {example}"
    if any(_num_names(paths) < len(paths) for paths in together.values()):
        yield (
            "name the folder above files of one name, whose structure is kept, or begin a batch "
            "for each"
        )


def _num_names(paths: Sequence[Place]) -> int:
    return len({path.name for path in paths})


def _name(output: Place) -> str:
    return os.path.normcase(output) if isinstance(output, Path) else str(output)


def _check_inputs(jobs: Sequence[Job]) -> None:
    """Check that no output is an input, by whatever name, or a folder that there is."""
    on_disk = file_ids([job.source for job in jobs if isinstance(job.source, Path)])
    in_stores = {job.source for job in jobs if not isinstance(job.source, Path)}
    for job in jobs:
        for output in job.outputs:
            if isinstance(output, Path):
                there = file_ids([output])
                if there and output.is_dir():
                    raise StreamError(f"{output}: is a folder; rename it, or name another for -o")
                is_input = bool(there & on_disk)
            else:
                is_input = output in in_stores
            if is_input:
                raise StreamError(f"{output}: {_what_input(output, job)}; name another folder")


def _what_input(output: Place, job: Job) -> str:
    source = job.source
    if isinstance(output, Path) and isinstance(source, Path):
        is_own = file_ids([output]) == file_ids([source])
    else:
        is_own = output == source
    return "is the input" if is_own else f"would be the output of {source}, and is an input"


def _check_folders(jobs: Sequence[Job], folder: Place) -> None:
    """Check that no output is the folder of another, nor in the way of the report."""
    above: dict[str, Place] = {}
    for job in jobs:
        for output in job.outputs:
            if is_report_name(below(output, folder).parts[0]):
                told = "would be in the way of the report of the batch"
                raise StreamError(f"{output}: {told}; rename {job.source}")
            if isinstance(output, Path):  # object stores have no folders
                above.update((_name(each), job.source) for each in output.parents)
    for job in jobs:
        for output in job.outputs:
            if (other := above.get(_name(output))) is not None:
                what = f"the output of {job.source}, and the folder of that of {other}"
                raise StreamError(f"{output}: would be {what}; rename one of these")


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
        clashes = {str(pairs[0][0]): [source for _, source in pairs] for pairs in together}
        raise StreamError(
            f"{_clashes(clashes)}; the disk of {folder} does not tell such names apart: rename "
            "them, or name a folder on another disk"
        )


def _clashes(together: Mapping[str, Sequence[Place]]) -> str:
    """Return that several files would become one output, by the outputs; of many some."""
    told = [
        f"{output}: would be the output of {some_of(paths)}"
        for output, paths in sorted(together.items())
    ]
    more = [f"and {len(told) - _MAX_CLASHES} more such"] if len(told) > _MAX_CLASHES else []
    return "; ".join([*told[:_MAX_CLASHES], *more])


def some_of(paths: Sequence[Place | str]) -> str:
    """Return the first of some paths, for a message."""
    names = ", ".join(map(str, paths[:_MAX_NAMED]))
    return f"{names}, ..." if len(paths) > _MAX_NAMED else names
