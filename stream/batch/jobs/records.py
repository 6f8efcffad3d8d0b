"""What is done: a small file for each output, in a hidden folder under that of the outputs.

Several machines may write them at once, also on a file system of a network: each record is of one
output, is written beside its name and renamed, and nothing is ever locked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from segmentation.unfinished import PART, discard_if_left, unfinished_in
from stream.batch.jobs.job import Edges
from stream.files.outputs import make_folder, save

#: Of an output; see `Record`.
RecordState = Literal["begun", "done", "partial"]
#: Under that of the outputs.
HIDDEN = ".maskcast"


@dataclass(frozen=True, slots=True)
class SourceState:
    """By which it is seen that a file is still the same.

    Attributes:
        num_bytes: its size.
        mtime_ns: when it was changed.
    """

    num_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> SourceState:
        """Look at a file.

        Raises:
            OSError: it is not there.
        """
        state = path.stat()
        return cls(state.st_size, state.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one output.

    Attributes:
        output: below the folder of the outputs, with "/".
        state: "begun" as long as it is not whole: what stands under its name then is of a batch
            nevertheless, and may be replaced.
        version: of the program.
        recipe: see `Settings.recipe`.
        source: what it was made from, as it was then.
        num_bytes: of the output, 0 as long as it is not whole.
        seconds: see `Outcome`, likewise the rest.
    """

    output: str
    state: RecordState
    version: str
    recipe: dict[str, Any]
    source: SourceState
    num_bytes: int = 0
    seconds: float = 0.0
    num_frames: int = 0
    duration_s: float | None = None
    error: str = ""
    edges: Edges | None = None
    remarks: tuple[str, ...] = ()


class Records:
    """The records of the outputs in a folder.

    Args:
        folder: of the outputs.
    """

    def __init__(self, folder: Path) -> None:
        """Read nothing yet."""
        self._folder = folder
        self._home = folder / HIDDEN / "records"

    def all(self) -> dict[Path, Record]:
        """Return what is known, by the outputs; what cannot be read is as if it were not there."""
        found = {}
        for path in self._files():
            with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                record = _record(json.loads(path.read_bytes()))
                found[self._folder / record.output] = record
        return found

    def of(self, output: Path) -> Record | None:
        """Return what is known of an output."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            return _record(json.loads(self._path(self.name(output)).read_bytes()))
        return None

    def write(self, record: Record) -> None:
        """Note what is known of an output; it is on the disk when this returns.

        Raises:
            StreamError: it cannot be written.
        """
        path = self._path(record.output)
        if not path.parent.is_dir():
            make_folder(path.parent)
        save(json.dumps(asdict(record)).encode("ascii"), path)

    def forget(self, output: Path) -> None:
        """Remove what is known of an output."""
        with contextlib.suppress(OSError):
            self._path(self.name(output)).unlink(missing_ok=True)

    def name(self, output: Path) -> str:
        """Return how records call an output."""
        return output.relative_to(self._folder).as_posix()

    def clear_up(self) -> None:
        """Delete what killed programs left of records."""
        for folder in {path.parent for path in self._files(hidden=True)}:
            with contextlib.suppress(OSError):
                for part in unfinished_in(folder, PART):
                    discard_if_left(part)

    def remove_if_empty(self) -> None:
        """Delete the hidden folder where nothing is in it."""
        with contextlib.suppress(OSError):
            for folder in list(self._home.iterdir()):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            self._home.rmdir()
            self._home.parent.rmdir()

    def _path(self, name: str) -> Path:
        # a hash: names may be as long as a disk allows
        key = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
        return self._home / key[:2] / f"{key}.json"

    def _files(self, *, hidden: bool = False) -> Iterator[Path]:
        with contextlib.suppress(OSError):
            for folder in os.scandir(self._home):
                for entry in os.scandir(folder.path):
                    if entry.name.startswith(".") == hidden:
                        yield Path(entry.path)


def _record(read: dict[str, Any]) -> Record:
    if not set(read) <= {field.name for field in fields(Record)}:
        raise ValueError("written by another version")
    edges = read.get("edges")
    source, seen = SourceState(**read["source"]), None if edges is None else Edges(**edges)
    remarks = tuple(read.get("remarks", ()))
    return Record(**{**read, "source": source, "edges": seen, "remarks": remarks})
