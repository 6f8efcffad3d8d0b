"""What came of a batch: a file with a line for each input, and figures for people."""

from __future__ import annotations

import json
import re
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stream.batch.folders import Unread
from stream.batch.jobs.job import Job, Outcome
from stream.batch.output_folder import save
from stream.batch.shards import Shard
from stream.errors import StreamError
from stream.stores.addresses import Place

_NAMES = re.compile(r"report(-\d+-of-\d+)?\.jsonl")
#: What each line tells at least, whichever version wrote it.
_KEYS = frozenset(("input", "output", "state", "seconds", "frames", "error"))


def is_report_name(name: str) -> bool:
    """Whether batches call their reports so, on a disk that tells no capitals apart either."""
    return _NAMES.fullmatch(name.casefold()) is not None


def check_report_free(folder: Place, shard: Shard, *, overwrite: bool) -> None:
    """Look at what has the name of the report.

    Args:
        folder: of the batch.
        shard: of it.
        overwrite: what no batch has written may be replaced.

    Raises:
        StreamError: that would destroy somebody's file, or cannot be.
    """
    path = _report_place(folder, shard)
    try:
        lies_there = _is_report_at(path)
    except FileNotFoundError:
        return
    except IsADirectoryError as error:
        raise StreamError(
            f"{path}: is a folder; rename it, or name another for the outputs"
        ) from error
    if not lies_there and not overwrite:
        raise StreamError(
            f"{path}: exists, and is no report of a batch; name another folder, or add -y to "
            "replace it"
        )


class Report:
    """What is known so far of the jobs of a batch.

    Args:
        num_jobs: in all, folders that cannot be read among them.

    Attributes:
        counts: of jobs, by their states, and "kept" of those that were made before.
        num_frames: that were written now.
        num_remarked: jobs that were done now, and have remarks.
        failures: a line for each job that failed or is partial now, in the order in which they
            ended.
    """

    def __init__(self, num_jobs: int) -> None:
        """Know of none."""
        self.num_jobs = num_jobs
        self.counts: Counter[str] = Counter()
        self.num_frames = 0
        self.num_remarked = 0
        self.failures: list[str] = []
        self._lines: dict[str, dict[str, Any]] = {}

    def add(self, job: Job, outcome: Outcome, *, is_kept: bool = False) -> dict[str, Any]:
        """Add what came of a job; returns it in JSON's terms."""
        self.counts["kept" if is_kept else outcome.state] += 1
        if not is_kept:
            self.num_frames += outcome.num_frames
            self.num_remarked += int(outcome.state == "done" and bool(outcome.remarks))
            if outcome.state != "done":
                self.failures.append(_failure(job, outcome))
        line = _line(job.source, job.outputs, outcome, is_kept=is_kept)
        self._lines[str(job.outputs[0])] = line
        return line

    def add_unread(self, folder: Unread) -> dict[str, Any]:
        """Add a folder, which fails as a whole; returns that in JSON's terms."""
        self.counts["failed"] += 1
        self.failures.append(folder.error)
        outcome = Outcome("failed", 0.0, error=folder.error)
        line = _line(folder.place, (), outcome, is_kept=False)
        self._lines[str(folder.place)] = line
        return line

    def stands(self, job: Job) -> bool:
        """Whether the outputs of a job are there, as far as is known."""
        line = self._lines.get(str(job.outputs[0]))
        return line is not None and line["state"] != "failed"

    @property
    def num_ended(self) -> int:
        """Jobs of which it is known what came of them."""
        return len(self._lines)

    def summary(self) -> str:
        """Return the counts in one line for people."""
        names = {"done": "done", "partial": "in part", "failed": "failed", "kept": "made before"}
        told = [f"{self.counts[key]} {name}" for key, name in names.items() if self.counts[key]]
        left = self.num_jobs - self.num_ended
        return ", ".join([*told, *([f"{left} left"] if left else [])]) or "nothing to do"

    def save(self, folder: Place, shard: Shard) -> Place:
        """Write `report.jsonl`, sorted by outputs; returns its path.

        Raises:
            StreamError: it cannot be written.
        """
        path = _report_place(folder, shard)
        lines = [self._lines[key] for key in sorted(self._lines)]
        save(_json_lines(lines), path)
        return path


def _line(
    source: Place, outputs: Sequence[Place], outcome: Outcome, *, is_kept: bool
) -> dict[str, Any]:
    return {
        "input": str(source),
        "output": [str(path) for path in outputs],
        "state": outcome.state,
        "made": not is_kept,
        "seconds": round(outcome.seconds, 3),
        "frames": outcome.num_frames,
        "error": outcome.error,
        "remarks": list(outcome.remarks),
    }


def _report_place(folder: Place, shard: Shard) -> Place:
    part = "" if shard.of == 1 else f"-{shard.number}-of-{shard.of}"
    return folder / f"report{part}.jsonl"


def _is_report_at(path: Place) -> bool:
    """Whether there is what a batch has written, and nobody has added to.

    Raises:
        FileNotFoundError: there is nothing.
        IsADirectoryError: there is a folder.
        StreamError: an object store cannot be asked.
    """
    if not isinstance(path, Path):
        from stream.stores.objects import read

        return _is_report(read(path).splitlines())
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(path)
    if not stat.S_ISREG(mode):  # which may have no end
        return False
    try:
        with path.open("rb") as file:
            return _is_report(file)
    except PermissionError:
        return False


def _is_report(lines: Iterable[bytes]) -> bool:
    for line in lines:
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            return False
        if not isinstance(told, dict) or not told.keys() >= _KEYS:
            return False
    return True


def _json_lines(lines: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode("ascii")


def _failure(job: Job, outcome: Outcome) -> str:
    text = outcome.error or "not all of it could be read"
    return text if str(job.source) in text else f"{job.source}: {text}"
