"""The files of jobs on this machine's disk: those of object stores lie there meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from stream.batch.jobs.job import Job, Outcome
from stream.batch.jobs.source_state import source_state
from stream.errors import StreamError
from stream.files.photos import is_animation, is_photo
from stream.sinks import is_file_ending
from stream.stores.addresses import Place, local
from stream.stores.file_state import FileState
from stream.stores.scratch import Scratch
from stream.stores.transfers import fetch, put

_AT_ONCE = 8  # files that are fetched


class Fetched(NamedTuple):
    """A file on this machine's disk, and what it was in its store."""

    path: Path
    state: FileState


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
    state: FileState | None = None

    def renamed(self, text: str) -> str:
        """Return a message with the files called as they were asked for."""
        pairs = [(self.here.source, self.job.source)]
        pairs += zip(self.here.outputs, self.job.outputs, strict=True)
        for here, asked in pairs:
            text = text.replace(str(here), str(asked))
        return text


class AtHand:
    """Brings files to the disk and sends outputs where they belong.

    A film of which parts are done stays for the next part.

    Args:
        on_message: told of what killed runs had not sent.
    """

    def __init__(self, on_message: Callable[[str], None]) -> None:
        """Make no folder yet; most jobs need none."""
        self._on_message = on_message
        self._stack = ExitStack()
        self._scratch: Scratch | None = None
        self._film: tuple[Place, Fetched] | None = None

    def close(self) -> None:
        """Delete what was brought."""
        self._stack.close()

    def bring(self, jobs: Sequence[Job]) -> Iterator[Brought | StreamError]:
        """Yield each job, in order, with its files at hand, or why they cannot be."""
        if all(isinstance(each, Path) for job in jobs for each in _places(job)):
            yield from (Brought(job, job) for job in jobs)
            return
        try:
            if self._scratch is None:
                self._scratch = self._stack.enter_context(Scratch(self._on_message))
        except OSError as error:
            why = f"temporary files cannot be written ({error.strerror or error})"
            for job in jobs:
                yield StreamError(f"{job.source}: {why}; set TMPDIR to a folder with room")
            return
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(self._brought, jobs)

    def hand_in(self, brought: Brought, outcome: Outcome) -> Outcome:
        """Send the outputs that stand where they belong; returns what came of the job.

        Of what was brought for it alone nothing is left then.
        """
        remarks = tuple(brought.renamed(text) for text in outcome.remarks)
        outcome = replace(outcome, error=brought.renamed(outcome.error), remarks=remarks)
        try:
            if outcome.state == "failed":
                return outcome
            for here, output in zip(brought.here.outputs, brought.job.outputs, strict=True):
                if not isinstance(output, Path):
                    put(local(here), output)
        except (OSError, StreamError) as error:
            return replace(outcome, state="failed", error=" ".join(str(error).split()))
        finally:
            self._discard(brought)
        return outcome

    def _discard(self, brought: Brought) -> None:
        for here, asked in zip(_places(brought.here), _places(brought.job), strict=True):
            if here != asked and (self._film is None or here != self._film[1].path):
                with suppress(OSError):
                    local(here).unlink(missing_ok=True)

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
        outputs = tuple(map(self._output, job.outputs))
        parts = tuple(
            replace(part, outputs=tuple(self._file(each) for each in part.outputs))
            for part in job.parts
        )
        here = replace(job, outputs=outputs, parts=parts)
        if isinstance(job.source, Path):
            return Brought(job, here)
        found = self._source(job)
        here = replace(here, source=found.path, is_photo=_is_photo(job, found.path))
        return Brought(job, here, found.state)

    def _source(self, job: Job) -> Fetched:
        """Return the source of a job, which lies in a store."""
        is_film = job.part is not None or bool(job.parts)
        if is_film and self._film is not None and self._film[0] == job.source:
            if source_state(job.source) == self._film[1].state:
                return self._film[1]
        assert self._scratch is not None
        assert not isinstance(job.source, Path)
        path = self._scratch.path_for(job.source.name)
        state = fetch(job.source, path)
        found = Fetched(path, state)
        if is_film:
            if self._film is not None:
                self._film[1].path.unlink(missing_ok=True)
            self._film = job.source, found
        return found

    def _output(self, output: Place) -> Path:
        assert self._scratch is not None
        return output if isinstance(output, Path) else self._scratch.path_for(output.name)

    def _file(self, file: Place) -> Path:
        """Return a file that was made before."""
        path = self._output(file)
        if not isinstance(file, Path):
            fetch(file, path)
        return path


def _places(job: Job) -> Iterator[Place]:
    """Yield all files that a job reads or writes."""
    yield from (job.source, *job.outputs)
    for part in job.parts:
        yield from part.outputs


def _is_photo(job: Job, path: Path) -> bool:
    """Whether what was fetched is one picture; as long as it was far away its name had to do."""
    if not is_photo(path):
        return False
    moves = all(is_file_ending(each.suffix.lower(), of_video=True) for each in job.outputs)
    return not (moves and is_animation(path))
