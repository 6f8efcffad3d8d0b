"""All that is wrong with somebody's data, told at once."""

from __future__ import annotations

from pathlib import Path

from segmentation.errors import DataError

MAX_LINES = 50


class Problems:
    """Collects lines, each of which names a file, an annotation and what is wrong with it.

    Args:
        path: of the data, as it was given.
    """

    def __init__(self, path: Path) -> None:
        """Begin without problems."""
        self._path = path
        self._lines: list[str] = []

    def add(self, where: str | Path, what: str) -> None:
        """Note a problem of a file or annotation."""
        self._lines.append(f"{where}: {what}")

    def extend(self, lines: list[str]) -> None:
        """Note problems that were collected elsewhere."""
        self._lines.extend(lines)

    def raise_any(self) -> None:
        """Raise `DataError` with a line for each problem, at most `MAX_LINES`, if there are any."""
        if len(self._lines) == 1:
            raise DataError(self._lines[0])
        if self._lines:
            shown = self._lines[:MAX_LINES]
            if len(self._lines) > MAX_LINES:
                shown.append(f"... and {len(self._lines) - MAX_LINES} more")
            head = f"{self._path}: {len(self._lines)} problems"
            raise DataError("\n  ".join([head, *shown]))
