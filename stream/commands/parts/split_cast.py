"""`run.py FILM -o OUTPUT --split`: one film, done in parts by several workers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stream.commands.parts.batch_work import (
    Work,
    Workforce,
    discard_left_parts,
    done,
    settings_of,
)
from stream.commands.parts.command_line import CommandError, say
from stream.stores.addresses import is_in_store, local
from stream.version import VERSION

if TYPE_CHECKING:
    from stream.batch.jobs.job import Job
    from stream.batch.jobs.records import Records
    from stream.commands.parts.interruption import Interruption


def cast_in_parts(options: argparse.Namespace, interruption: Interruption) -> int:
    """Do the film that the options of `cast` name; the same command goes on after an accident."""
    from stream.batch.jobs.job import Outcome
    from stream.batch.jobs.records import Records
    from stream.batch.jobs.rules import Rules
    from stream.batch.plan import discard_parts
    from stream.batch.workers.worker_pool import Order

    job = _job(options)
    folder = local(job.outputs[0]).parent
    because = "they are numbered anew in each part"
    settings = settings_of(options, [path.suffix for path in job.outputs], because=because)
    order = Order(folder, settings, settings.recipe(), VERSION)
    records, outcomes = Records(folder), list[Outcome]()
    work = Work([job], order, records.all(), Rules(order.recipe, VERSION, redo_older=True))
    discard_parts([job])
    workforce = Workforce(split_s=options.split)
    whole = done(work, workforce, interruption, lambda _, what: outcomes.append(what))
    if not whole:
        say("interrupted; the same command goes on with the parts that are missing")
        return 130
    _forget(job, records)
    for outcome in outcomes:
        for remark in outcome.remarks:
            say(remark)
        if outcome.state != "done":
            say(f"error: {outcome.error or 'not all of it could be read'}")
    return 1 if any(outcome.state != "done" for outcome in outcomes) else 0


def discard_left_parts_of(outputs: Sequence[str]) -> None:
    """Delete the parts of which outputs that are whole now were once to be made."""
    from stream.batch.jobs.job import Job
    from stream.batch.jobs.records import Records

    for path in map(Path, outputs):
        if not path.is_file():
            continue
        job, records = Job(path, (path,), is_photo=False), Records(path.parent)
        if discard_left_parts([job], path.parent):
            records.all()
            _forget(job, records)


def _forget(job: Job, records: Records) -> None:
    """Forget a film that is whole: the command does it again where it is given again."""
    from stream.batch.jobs.part_files import names_of

    for output in job.outputs:
        records.forget(output)
    records.end_all(names_of([job], records))
    records.remove_if_empty()


def _job(options: argparse.Namespace) -> Job:
    """Return what there is to do.

    Raises:
        CommandError: it cannot be done in parts.
        StreamError: the output would destroy something.
    """
    from stream.batch.jobs.job import Job
    from stream.files.outputs import check_free
    from stream.files.photos import is_photo
    from stream.sinks.video import ENDINGS

    for address in (options.source, *(options.output or ())):
        if is_in_store(address):
            raise CommandError(f"--split: {address} lies in an object store; see `run.py batch`")
    source, outputs = Path(options.source), [Path(each) for each in options.output or ()]
    if not source.is_file() or is_photo(source):
        raise CommandError(f"--split: {options.source} is no video file")
    if len(outputs) != 1 or outputs[0].suffix.lower() not in ENDINGS:
        raise CommandError(f"--split: needs one output, a video: -o out{'|'.join(ENDINGS)}")
    live = ("realtime", "fps", "stats", "sound")
    for name in (*live, "background", "frame", "light", "light_wrap", "front"):
        if getattr(options, name):
            raise CommandError(f"--split: not with --{name.replace('_', '-')}")
    if options.effect == "cutout":
        raise CommandError("--split: parts cannot be transparent; leave out one of both")
    check_free(outputs[0], overwrite=options.overwrite, input_paths=[source])
    return Job(source, tuple(outputs), is_photo=False, is_new=not options.overwrite)
