"""All that is wrong with somebody's data: what of it is left out, and when that is too much."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from segmentation.errors import DataError

MAX_LINES = 50
#: More of the data than that must not be bad: it would not be what somebody meant to train on
MAX_BAD = 0.2
#: So much is never too much to go on looking
_FEW = 1000
#: Of the same kind are texts that differ in numbers and quoted names
_PARTICULARS = re.compile(r"'[^']*'|\"[^\"]*\"|\S*/\S*|-?\d+(\.\d+)?(e[+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong, or several of one kind, of which this is the first.

    Attributes:
        file: of annotations, and the photo where the file has several; or the photo itself.
        annotation: of them; "" where all of it is meant.
        what: is wrong, and what was done where that is not leaving it out.
        num: how many there are of the kind.
    """

    file: str
    annotation: str
    what: str
    num: int = 1

    def __str__(self) -> str:
        """Return the line for people."""
        where = f"{self.file}, {self.annotation}" if self.annotation else self.file
        return f"{printable(where)}: {printable(self.what)}"


class Problems:
    """Collects what is wrong, and remarks on what was understood.

    Args:
        path: of the data, as it was given.

    Attributes:
        path: of the data.
        remarks: lines on how something was taken that could be meant otherwise.
    """

    def __init__(self, path: Path) -> None:
        """Begin without problems."""
        self.path = path
        self._lines: list[str] = []
        self._kinds: dict[str, Problem] = {}
        self._num = 0
        self._fatal = False
        self._all = {"photos": 0, "annotations": 0}
        self._lost = {"photos": 0, "annotations": 0}
        self.remarks: list[str] = []

    def expect(self, *, photos: int = 0, annotations: int = 0) -> None:
        """Note how much data there is, of which some may be lost."""
        self._all["photos"] += photos
        self._all["annotations"] += annotations

    def add(
        self,
        file: str | Path,
        what: str,
        annotation: str = "",
        *,
        photos: int = 0,
        annotations: int = 0,
    ) -> None:
        """Note a problem.

        Args:
            file: see `Problem`, likewise the next two.
            what: is wrong.
            annotation: of the file.
            photos: so many are left out because of it.
            annotations: likewise, those of photos left out not counted.

        Raises:
            DataError: far too much is bad.
        """
        problem = Problem(str(file), annotation, what)
        self._num += 1
        if self._num <= MAX_LINES:
            self._lines.append(str(problem))
        kind = _PARTICULARS.sub("#", what[:400])
        if kind not in self._kinds and len(self._kinds) >= _FEW:
            kind = "" if "" in self._kinds else kind
        first = self._kinds.get(kind)
        self._kinds[kind] = problem if first is None else replace(first, num=first.num + 1)
        self._lost["photos"] += photos
        self._lost["annotations"] += annotations
        if self._num > _FEW and self._too_much(at_least=_FEW):
            raise self._error(f"more than a fifth of it is bad ({self._shares()})")

    def refuse(self, file: str | Path, what: str) -> None:
        """Note a problem with which nothing of the data can be used."""
        self._fatal = True
        self.add(file, what)

    def rows(self) -> tuple[Problem, ...]:
        """Return a problem of each kind, in the order in which they came."""
        return tuple(self._kinds.values())

    def raise_fatal(self) -> None:
        """Raise `DataError` where `refuse` was called."""
        if self._fatal:
            raise self._error("")

    def check(self, *, strict: bool) -> None:
        """Raise `DataError` where the data cannot be used.

        Args:
            strict: any problem is too much, not only a fifth of the photos or annotations.
        """
        if self._num and strict:
            raise self._error("")
        if self._too_much():
            raise self._error(f"more than a fifth of it is bad ({self._shares()})")

    def _too_much(self, at_least: int = 0) -> bool:
        return any(
            lost > max(MAX_BAD * self._all[name], at_least) for name, lost in self._lost.items()
        )

    def _shares(self) -> str:
        return ", ".join(
            f"{lost} of {max(self._all[name], lost)} {name}"
            for name, lost in self._lost.items()
            if lost
        )

    def _error(self, why: str) -> DataError:
        if self._num == 1:
            return DataError(f"{self._lines[0]}; {why}" if why else self._lines[0])
        shown = list(self._lines)
        if self._num > MAX_LINES:
            shown.append(f"... and {self._num - MAX_LINES} more")
        head = f"{self.path}: {self._num} problems" + (f"; {why}" if why else "")
        return DataError("\n  ".join([head, *shown]))


def table(rows: Iterable[Problem]) -> list[str]:
    """Return the lines of a table: file and annotation (the first of a kind), what, how many."""
    cells = [("file", "annotation", "how many", "what")]
    for row in rows:
        cells.append((row.file, row.annotation or "-", str(row.num), row.what))
    cells = [tuple(map(printable, line)) for line in cells]  # type: ignore[misc]
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    return [
        "  ".join(
            [*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line[3]]
        )
        for line in cells
    ]


def printable(text: str) -> str:
    """Return a text in which nothing steers a terminal or breaks a line, cut if very long."""
    text = text if len(text) < 300 else f"{text[:200]} ... {text[-60:]}"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
