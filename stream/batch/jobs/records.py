"""What is done: a small file for each output, in a hidden folder under that of the outputs.

Several machines may write them at once, also on a file system of a network: each record is of one
output, is written beside its name and renamed, and nothing is ever locked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Collection, Container, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from stream.batch.jobs.job import Edges
from stream.batch.jobs.record_files import record_files
from stream.errors import StreamError
from stream.stores.addresses import Place, below
from stream.stores.file_state import FileState

#: Of an output; see `Record`.
RecordState = Literal["begun", "done", "partial"]
#: Under that of the outputs.
HIDDEN = ".maskcast"
_BEGUN = "begun/"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one output.

    Attributes:
        output: below the folder of the outputs, with "/".
        state: "begun" where it is not known to be whole: what stands under its name is of a batch
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
    source: FileState
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

    def __init__(self, folder: Place) -> None:
        """Read nothing yet."""
        self._folder = folder
        self._files = record_files(folder / HIDDEN / "records")
        self._begun: dict[str, list[str]] = {}  # files of `begin` that were there, and outputs

    def all(self) -> dict[Place, Record]:
        """Return what is known, by the outputs; what cannot be read is as if it were not there.

        Raises:
            StreamError: an object store cannot be asked.
        """
        found: dict[Place, Record] = {}
        begun: set[str] = set()
        for name, data in self._files.read_all():
            with contextlib.suppress(ValueError, TypeError, KeyError):
                read = json.loads(data)
                if name.startswith(_BEGUN):
                    self._begun[name] = list(map(str, read["outputs"]))
                    begun.update(self._begun[name])
                else:
                    record = _record(read)
                    found[self._folder / record.output] = record
        for output in begun:
            nothing = Record(output, "begun", "", {}, FileState(0, 0))
            found.setdefault(self._folder / output, nothing)
        return found

    def begin(self, outputs: Sequence[Place], known: Collection[Place]) -> str:
        """Note that what will stand under these names is of a batch; returns a name for `end`.

        One file for all, since it takes a disk some milliseconds until it outlasts a power cut.

        Args:
            outputs: the names.
            known: those of them that had a record when it was decided to begin. It is forgotten;
                one that has come since is of another batch, which does the same.

        Raises:
            StreamError: it cannot be written.
        """
        name = f"{_BEGUN}{secrets.token_hex(8)}.json"
        names = [self.name(output) for output in outputs]
        self._files.write(name, json.dumps({"outputs": names}).encode("ascii"))
        for output in outputs:
            if output in known:
                self.forget(output)
        return name

    def end(self, begun: str) -> None:
        """Forget what `begin` noted; what has become of it is written by now."""
        self._files.delete(begun)

    def end_all(self, names: Container[str]) -> None:
        """Forget likewise what killed workers began, of which `all` knew: it was done anew.

        Others may be at the rest, which must stay of the batch if these are cut off.

        Args:
            names: of outputs, and with "/" at the end of folders with outputs, that were done anew;
                what was begun together with others stays.
        """
        for name, outputs in self._begun.items():
            folders = (f"{output.rpartition('/')[0]}/" for output in outputs)
            pairs = zip(outputs, folders, strict=True)
            if all(output in names or folder in names for output, folder in pairs):
                self.end(name)

    def of(self, output: Place) -> Record | None:
        """Return what is known of an output."""
        with contextlib.suppress(OSError, StreamError, ValueError, TypeError, KeyError):
            return _record(json.loads(self._files.read(_file_name(self.name(output)))))
        return None

    def write(self, record: Record) -> None:
        """Note what is known of an output; it is on the disk when this returns.

        Raises:
            StreamError: it cannot be written.
        """
        data = json.dumps(asdict(record)).encode("ascii")
        self._files.write(_file_name(record.output), data)

    def forget(self, output: Place) -> None:
        """Remove what is known of an output."""
        self._files.delete(_file_name(self.name(output)))

    def name(self, output: Place) -> str:
        """Return how records call an output."""
        return below(output, self._folder).as_posix()

    def clear_up(self) -> None:
        """Delete what killed programs left of records."""
        self._files.clear_up()

    def remove_if_empty(self) -> None:
        """Delete the hidden folder where nothing is in it."""
        self._files.remove_if_empty()


def _file_name(output: str) -> str:
    # a hash: names may be as long as a disk allows
    key = hashlib.sha256(os.fsencode(output)).hexdigest()[:32]
    return f"{key[:2]}/{key}.json"


def _record(read: dict[str, Any]) -> Record:
    if not set(read) <= {field.name for field in fields(Record)}:
        raise ValueError("written by another version")
    edges = read.get("edges")
    source, seen = FileState(**read["source"]), None if edges is None else Edges(**edges)
    remarks = tuple(read.get("remarks", ()))
    return Record(**{**read, "source": source, "edges": seen, "remarks": remarks})
