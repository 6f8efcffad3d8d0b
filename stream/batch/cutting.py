"""Which films are cut into parts that several workers do, and where."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from stream.batch.films import Films
from stream.batch.jobs.job import Job, Outcome
from stream.batch.jobs.part_files import discard_part_files, part_jobs
from stream.batch.jobs.records import Record
from stream.batch.jobs.rules import Rules, outcome_before
from stream.batch.jobs.section import Section
from stream.batch.jobs.settings import Settings
from stream.batch.plan import sizes_in
from stream.ffmpeg.listing import Listing, listing_of
from stream.ffmpeg.process import log_of
from stream.sinks.video import ENDINGS
from stream.stores.addresses import Place, address_for_ffmpeg

#: Containers with an index, whose frames can be found by their times.
_INDEXED = ("mov", "matroska")
#: Below that a file is no film of a minute, whatever its codec: bytes a second.
_FEWEST_BYTES_A_S = 2_000
_SHORTEST_S = 60.0  # of parts, where nobody says how long they are
# What is looked at around each part: masks are blended over less, and keyframes lie closer.
_AROUND_S, _AROUND_KEYFRAMES = 2.0, 2
_DEFAULT_FPS = 25


class Length(NamedTuple):
    """How long the parts of films are: so many seconds, or as long as serves so many workers."""

    seconds: float | None
    num_workers: int


class Cut(NamedTuple):
    """What workers do where films are cut.

    Attributes:
        jobs: to be done first: parts, and whatever is done in one piece.
        films: know what follows from them.
        remarks: a line for each film that was to be cut and cannot be, or was begun before.
    """

    jobs: list[Job]
    films: Films
    remarks: list[str]


def cut(
    jobs: Sequence[Job],
    length: Length,
    settings: Settings,
    folder: Place,
    known: Mapping[Place, Record],
    rules: Rules,
) -> Cut:
    """Cut what is to be cut; parts that were made before stay.

    Args:
        jobs: to be done.
        length: of the parts.
        settings: how all of them are done.
        folder: of the outputs.
        known: see `Records.all`.
        rules: what counts as done.

    Raises:
        StreamError: ffmpeg is not there or cannot be run, or an object store cannot be asked.
    """
    begun, remarks = list[Job](), list[str]()
    parts, made = dict[Job, tuple[Job, ...]](), dict[Job, Outcome]()
    sizes = sizes_in(folder)
    for job, listing in _long_enough(jobs, length):
        why = _why_whole(job, listing, settings)
        sections = [] if why else list(_sections(listing.duration_s or 0.0, length, len(jobs)))
        if why and length.seconds is not None:
            remarks.append(f"{job.source}: done in one piece: {why}")
        if len(sections) < 2:
            continue
        around_s = _around_s(settings, listing)
        ending = ".mov" if settings.codec == "prores" else ".mp4"
        parts[job] = of_film = part_jobs(job, folder, sections, around_s, ending)
        discard_part_files(job, folder, but=of_film)
        before = dict(_made_before(of_film, known, rules, sizes))
        if before:
            remarks.append(f"{job.source}: {len(before)} of {len(of_film)} parts were made before")
        made |= before
    for job in jobs:
        begun += [part for part in parts.get(job, (job,)) if part not in made]
    films = Films(parts, folder)
    for part, outcome in made.items():
        begun += films.take(part, outcome).begin
    return Cut(begun, films, remarks)


def _long_enough(jobs: Sequence[Job], length: Length) -> Iterator[tuple[Job, Listing]]:
    """Yield videos that are long enough to be cut, as far as that can be told, and their listings.

    Small files are not opened: of those there may be thousands.
    """
    if length.seconds is None and len(jobs) >= length.num_workers:
        return
    shortest_s = _SHORTEST_S if length.seconds is None else length.seconds
    for job in jobs:
        if job.is_photo or job.num_bytes() < shortest_s * _FEWEST_BYTES_A_S:
            continue
        listing = listing_of(log_of(["-i", address_for_ffmpeg(job.source)]))
        if listing.duration_s is None or listing.duration_s > shortest_s:
            yield job, listing


def _why_whole(job: Job, listing: Listing, settings: Settings) -> str | None:
    """Say why a film cannot be done in parts, `None` where it can."""
    other = [output.name for output in job.outputs if output.suffix.lower() not in ENDINGS]
    if other:
        return f"{other[0]} is no video"
    if settings.effect == "cutout":
        return "parts cannot be transparent"
    if listing.container not in _INDEXED:
        return "its container has no index; put it into .mkv or .mp4"
    if listing.duration_s is None or listing.picture is None:
        return "it does not say how long it is"
    return None


def _sections(duration_s: float, length: Length, num_jobs: int) -> Iterator[Section]:
    if length.seconds is None:
        most = int(duration_s / _SHORTEST_S)
        num = max(1, min(most, math.ceil(length.num_workers / num_jobs)))
    else:
        num = math.ceil(duration_s / length.seconds - 0.001)
    times = [round(duration_s * number / num, 3) for number in range(num)]
    for from_s, until_s in zip(times, [*times[1:], None], strict=True):
        yield Section(from_s, until_s)


def _around_s(settings: Settings, listing: Listing) -> float:
    """Return how much of a film around a part lets its masks be those of the whole."""
    every = settings.keyframes.every
    if not isinstance(every, int):
        return 2 * _AROUND_S if every == "auto" else _AROUND_S
    return max(_AROUND_S, _AROUND_KEYFRAMES * every / _DEFAULT_FPS)


def _made_before(
    parts: Iterable[Job],
    known: Mapping[Place, Record],
    rules: Rules,
    sizes: Callable[[Place], int | None],
) -> Iterator[tuple[Job, Outcome]]:
    for part in parts:
        assert part.part is not None
        try:
            state = part.state()
        except OSError:
            return
        wanted = rules.with_recipe(part.part.recipe())
        outcome = outcome_before(part, known, state, wanted, sizes)
        if outcome is not None:
            yield part, outcome
