"""Where the parts of films lie until they are joined."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from stream.batch.jobs.job import Job, Part
from stream.batch.jobs.records import HIDDEN, Records
from stream.batch.jobs.section import Section
from stream.stores.addresses import Place, below


def part_jobs(
    film: Job, folder: Place, sections: Sequence[Section], around_s: float, ending: str
) -> tuple[Job, ...]:
    """Return the jobs that make the parts of a film.

    Args:
        film: that is cut.
        folder: of the batch.
        sections: of the film, in order.
        around_s: see `Part`.
        ending: of their outputs.
    """
    home, of = _home(film, folder), len(sections)
    endings = tuple(output.suffix.lower() for output in film.outputs)
    return tuple(
        Job(
            film.source,
            tuple(home / f"{number}-of-{of}-{copy}{ending}" for copy in range(len(endings))),
            is_photo=False,
            part=Part(number, of, section, around_s, endings),
            listed=film.listed,
        )
        for number, section in enumerate(sections)
    )


def discard_part_files(film: Job, folder: Place, *, but: Sequence[Job] = ()) -> None:
    """Delete the parts of a film, and what is known of them.

    Args:
        film: whose parts they are.
        folder: of the batch.
        but: jobs whose outputs stay.

    Raises:
        StreamError: an object store cannot be asked.
    """
    home, records = _home(film, folder), Records(folder)
    kept = {output for job in but for output in job.outputs}
    if not isinstance(home, Path):
        from stream.stores.objects import delete, objects_below

        for place in objects_below(home):
            if place not in kept:
                delete(place)
                records.forget(place)
        return
    with contextlib.suppress(OSError):
        for path in list(home.iterdir()):
            if path not in kept and not path.name.startswith("."):
                path.unlink(missing_ok=True)
                records.forget(path)
    if not but:
        shutil.rmtree(home, ignore_errors=True)
        with contextlib.suppress(OSError):  # parts of other films lie there
            home.parent.rmdir()


def left_of(films: Iterable[Job], folder: Place) -> Iterator[tuple[Job, int]]:
    """Yield films of which there are parts, and how many.

    Args:
        films: that may have any.
        folder: of the batch.

    Raises:
        StreamError: an object store cannot be asked.
    """
    home = folder / HIDDEN / "parts"
    num_in = Counter(_folders_of_files(home))
    for film in films if num_in else ():
        if num := num_in[_home(film, folder).name]:
            yield film, num


def _folders_of_files(home: Place) -> Iterator[str]:
    """Yield for each part the name of the folder that it lies in."""
    if isinstance(home, Path):
        for path in home.glob("*/*"):
            if not path.name.startswith("."):
                yield path.parent.name
        return
    from stream.stores.objects import objects_below

    for place in objects_below(home):
        yield place.parent.name


def names_of(jobs: Iterable[Job], records: Records) -> set[str]:
    """Return how records call the outputs of jobs, and the folders of the parts of each."""
    of_each = [[records.name(output) for output in job.outputs] for job in jobs]
    parts = {_name_of_parts(names[0]) for names in of_each}
    return parts.union(*of_each)


def _name_of_parts(output: str) -> str:
    """Return how records call the folder of the parts of a film, by how they call its output."""
    return f"{HIDDEN}/parts/{hashlib.sha256(os.fsencode(output)).hexdigest()[:32]}/"


def _home(film: Job, folder: Place) -> Place:
    name = PurePosixPath(_name_of_parts(below(film.outputs[0], folder).as_posix()))
    return folder.joinpath(*name.parts)
