"""The files of jobs on this machine's disk: those of object stores lie there meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from stream.batch.jobs.job import Job, Outcome
from stream.batch.jobs.source_state import SourceState
from stream.errors import StreamError
from stream.files.photos import is_animation, is_photo
from stream.sinks import is_file_ending
from stream.stores.addresses import local
from stream.stores.scratch import Scratch
from stream.stores.transfers import fetch, put

_AT_ONCE = 8  # files that are fetched


@dataclass(frozen=True, slots=True)
class Brought:
    """A job whose files are at hand.

    Attributes:
        job: as it was asked for.
        here: the same on this machine's disk.
        state: of the source, `None` where it lies there anyway.
    """

    job: Job
    here: Job
    state: SourceState | None = None

    def renamed(self, text: str) -> str:
        """Return a message with the files called as they were asked for."""
        pairs = [(self.here.source, self.job.source)]
        pairs += zip(self.here.outputs, self.job.outputs, strict=True)
        for here, asked in pairs:
            text = text.replace(str(here), str(asked))
        return text


class AtHand:
    """Brings files to the disk and sends outputs where they belong; leaving it deletes the rest."""

    def __enter__(self) -> Self:
        """Make no folder yet; most jobs need none."""
        self._stack = ExitStack()
        self._scratch: Scratch | None = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Delete what was brought."""
        self._stack.close()

    def bring(self, jobs: Sequence[Job]) -> Iterator[Brought | StreamError]:
        """Yield each job, in order, with its files at hand, or why they cannot be."""
        if all(isinstance(each, Path) for job in jobs for each in (job.source, *job.outputs)):
            yield from (Brought(job, job) for job in jobs)
            return
        if self._scratch is None:
            self._scratch = self._stack.enter_context(Scratch())
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(self._brought, jobs)

    def hand_in(self, brought: Brought, outcome: Outcome) -> Outcome:
        """Send the outputs that stand where they belong; returns what came of the job."""
        remarks = tuple(brought.renamed(text) for text in outcome.remarks)
        outcome = replace(outcome, error=brought.renamed(outcome.error), remarks=remarks)
        if outcome.state == "failed":
            return outcome
        try:
            for here, output in zip(brought.here.outputs, brought.job.outputs, strict=True):
                if not isinstance(output, Path):
                    put(local(here), output)
                    local(here).unlink()
        except (OSError, StreamError) as error:
            return replace(outcome, state="failed", error=" ".join(str(error).split()))
        return outcome

    def _brought(self, job: Job) -> Brought | StreamError:
        try:
            return self._fetched(job)
        except FileNotFoundError:
            return StreamError(f"{job.source}: is not there any more")
        except OSError as error:
            return StreamError(f"{job.source}: cannot be fetched ({error.strerror or error})")
        except StreamError as error:
            return error

    def _fetched(self, job: Job) -> Brought:
        assert self._scratch is not None
        outputs = tuple(
            each if isinstance(each, Path) else self._scratch.path_for(each.name)
            for each in job.outputs
        )
        if isinstance(job.source, Path):
            return Brought(job, replace(job, outputs=outputs))
        path = self._scratch.path_for(job.source.name)
        found = fetch(job.source, path)
        here = replace(job, source=path, outputs=outputs, is_photo=_is_photo(job, path))
        return Brought(job, here, SourceState(found.num_bytes, found.mtime_ns, found.etag))


def _is_photo(job: Job, path: Path) -> bool:
    """Whether what was fetched is one picture; as long as it was far away its name had to do."""
    if not is_photo(path):
        return False
    moves = all(is_file_ending(each.suffix.lower(), of_video=True) for each in job.outputs)
    return not (moves and is_animation(path))
