"""`run.py batch`: many files, done by several workers, on one machine or many."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stream.commands.parts.batch_work import (
    Work,
    Workforce,
    discard_left_parts,
    done,
    settings_of,
)
from stream.commands.parts.cast_options import EFFECTS, add_casting_options, add_split_option
from stream.commands.parts.command_line import (
    CommandError,
    Parser,
    add_debug_option,
    positive,
    say,
    write_no_more,
)
from stream.commands.parts.interruption import Interruption
from stream.errors import StreamError
from stream.stores.addresses import Place, place
from stream.version import VERSION

if TYPE_CHECKING:
    from stream.batch.inputs import Found
    from stream.batch.jobs.records import Records
    from stream.batch.jobs.rules import Rules
    from stream.batch.jobs.settings import Settings
    from stream.batch.plan import Plan
    from stream.batch.report import Report
    from stream.batch.shards import Shard
    from stream.batch.workers.worker_pool import Order

EXAMPLES = f"""\
INPUT: a file, a folder (with all that is below it, whose structure stays), a 'glob', or @LIST, a
file with one path a line; each on a disk or in an object store.

{EFFECTS}
The same command again does what is missing or has changed: an output is done when it stands as it
was recorded, made from the same input with the same options and weights; one that somebody has
changed since is kept. Ctrl-C ends after the files under way, twice at once.

examples:
  run.py batch talks/ -o blurred/
  run.py batch 'photos/*.jpg' -o cut/ --effect cutout
  run.py batch @list.txt -o out/ --to .mp4 --to .jsonl --model mask-rcnn-person
  run.py batch s3://talks/ -o s3://blurred/            in object stores (docs/batch.md)
  run.py batch talks/ -o blurred/ --shard 0/8          one of eight machines
  run.py batch /data/talks -o /data/out --ray auto     all machines of a Ray cluster
"""


def run(arguments: Sequence[str]) -> int:
    """Run `batch INPUT... -o FOLDER/`."""
    options = command_parser().parse_args(arguments)
    with Interruption() as interruption:
        return _batch(options, interruption)


def _batch(options: argparse.Namespace, interruption: Interruption) -> int:
    """Do it; returns the exit code."""
    from stream.batch.jobs.records import Records
    from stream.batch.plan import discard_parts, make_plan, sizes_in
    from stream.batch.report import Report
    from stream.batch.workers.worker_pool import Order
    from stream.stores.scratch import clear_old_scratch

    shard = _shard(options)
    settings, folder = _settings(options), place(options.output)
    order = Order(folder, settings, settings.recipe(), VERSION)
    rules = _rules(options, order)
    found = _found(options, folder, shard)
    jobs = shard.jobs(found.jobs)
    records = Records(folder)
    known = records.all()
    plan = make_plan(jobs, known, rules, sizes_in(folder))
    report = Report(len(jobs) + len(found.unread))
    for unread in found.unread:
        _told_as_json(options, report.add_unread(unread))
    for job, outcome in plan.kept:
        report.add(job, outcome, is_kept=True)
    for job, outcome in plan.lost:
        _told_as_json(options, report.add(job, outcome))
    _tell_plan(found, plan, shard)
    records.clear_up()
    discard_parts(jobs)
    work = Work(plan.to_do, order, known, rules)
    try:
        whole = not plan.to_do or _done(options, work, interruption, report)
    finally:
        discard_parts(jobs)  # of a batch that was killed a moment ago, whose encoders went on
        clear_old_scratch(say)
    discard_left_parts([job for job in jobs if report.stands(job)], folder)
    if whole:
        _forget_begun(plan, records)
    return _ended(report, folder, shard, whole=whole)


def command_parser() -> Parser:
    """Return the parser."""
    parser = Parser(
        "batch",
        description="Casts many files; what is done stays done.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("inputs", nargs="+", metavar="INPUT", help="what to read (see below)")
    add("-o", "--output", required=True, metavar="FOLDER/", help="where to write; made if absent")
    add(
        "--to",
        action="append",
        default=[],
        metavar=".ENDING",
        help="of the outputs, repeatable; default: that of the input, else .mp4 or .png",
    )
    add(
        "--keep-endings",
        action="store_true",
        help="outputs with another ending than their input keep that as well: talk.avi.mp4",
    )
    add("-y", "--overwrite", action="store_true", help="replace what no batch has made as it is")
    add("--workers", metavar="N|auto", type=_workers, help="default: auto, by cores and memory")
    add("--ray", metavar="auto|HOST:PORT", help="workers on a Ray cluster, which runs already")
    add("--shard", metavar="I/N", help="do part I (from 0) of N; default: that of a Slurm array")
    add("--time-limit", metavar="S", type=positive, help="give up a file after so many seconds")
    add("--redo", choices=("older",), help="make anew what another version has made")
    add("--retry-failed", action="store_true", help="make anew what is there in part")
    add("--json", action="store_true", help="print a line for each file that has ended")
    add_casting_options(parser)
    add_split_option(parser)
    add_debug_option(parser)
    return parser


def _workers(text: str) -> int | None:
    return None if text == "auto" else positive(text)


def _shard(options: argparse.Namespace) -> Shard:
    from stream.batch.shards import parse_shard

    try:
        return parse_shard(options.shard)
    except ValueError as error:
        raise CommandError(f"--shard: {error}") from error


def _settings(options: argparse.Namespace) -> Settings:
    because = "they are numbered anew in each file"
    return settings_of(options, options.to, because=because)


def _found(options: argparse.Namespace, folder: Place, shard: Shard) -> Found:
    """Return what there is to do, the folder for it being there."""
    from stream.batch.clashes import check_told_apart
    from stream.batch.inputs import find_jobs
    from stream.batch.output_folder import make_writable
    from stream.batch.report import check_report_free

    transparent = options.effect == "cutout"
    found = find_jobs(
        options.inputs,
        folder,
        options.to,
        is_transparent=transparent,
        keep_endings=options.keep_endings,
    )
    if not found.jobs:
        _tell_remarks(found)
        unread = "; ".join(each.error for each in found.unread)
        raise StreamError(unread or f"{', '.join(options.inputs)}: no photos or videos in it")
    make_writable(folder)
    check_told_apart(found.jobs, folder)
    check_report_free(folder, shard, overwrite=options.overwrite)
    return found


def _rules(options: argparse.Namespace, order: Order) -> Rules:
    from stream.batch.jobs.rules import Rules

    return Rules(
        order.recipe,
        order.version,
        redo_older=options.redo == "older",
        retry_failed=options.retry_failed,
        overwrite=options.overwrite,
    )


def _tell_remarks(found: Found) -> None:
    for remark in found.remarks:
        say(remark)


def _tell_plan(found: Found, plan: Plan, shard: Shard) -> None:
    from stream.batch.clashes import some_of

    _tell_remarks(found)
    part = "" if shard.of == 1 else f"part {shard} of {len(found.jobs)}: "
    num_lost = len(plan.lost) + len(found.unread)
    lost = f", {num_lost} cannot be read" if num_lost else ""
    say(f"{part}{len(plan.to_do)} to do, {len(plan.kept)} made before{lost}")
    in_part = [job.source for job, outcome in plan.kept if outcome.state == "partial"]
    if in_part:
        told = f"{len(in_part)} of those made before are there in part, as their inputs are damaged"
        say(f"{told}; --retry-failed makes them anew: {some_of(in_part)}")
    if plan.changed:
        told = f"{len(plan.changed)} were changed since they were made, and are kept as they are"
        say(f"{told}; -y makes them anew: {some_of(plan.changed)}")
    for version, number in sorted(plan.older.items()):
        say(f"{number} were made by version {version}; --redo older makes them anew")


def _done(
    options: argparse.Namespace, work: Work, interruption: Interruption, report: Report
) -> bool:
    """Do what is left to do; returns whether that was not cut short."""
    workforce = Workforce(options.workers, options.ray, options.split, options.time_limit)
    return done(
        work,
        workforce,
        interruption,
        lambda job, outcome: _told_as_json(options, report.add(job, outcome)),
    )


def _forget_begun(plan: Plan, records: Records) -> None:
    """Forget what killed workers began of this part, but of inputs that cannot be read."""
    from stream.batch.jobs.part_files import names_of

    records.end_all(names_of([*plan.to_do, *(job for job, _ in plan.kept)], records))


def _told_as_json(options: argparse.Namespace, line: dict[str, object]) -> None:
    if not options.json:
        return
    try:
        print(json.dumps(line), file=sys.__stdout__, flush=True)
    except OSError as error:
        assert sys.__stdout__ is not None
        write_no_more(sys.__stdout__)
        why = error.strerror or error
        say(f"--json: the lines cannot be printed any more ({why}); the batch goes on")


def _ended(report: Report, folder: Place, shard: Shard, *, whole: bool) -> int:
    """Tell what came of it; returns the exit code."""
    for failure in report.failures:
        say(f"error: {failure}")
    path = report.save(folder, shard)
    more = f", with remarks on {report.num_remarked}" if report.num_remarked else ""
    say(f"{report.summary()}; {path}{more}")
    if not whole:
        return 130
    return 1 if report.counts["failed"] or report.counts["partial"] else 0
