"""Results as JSON lines, kept from call to call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Results:
    """Prints lines and appends them to a file.

    Args:
        path: of the file, made if absent.

    Attributes:
        done: parts that are in the file; those that failed are done again.
        num_added: lines of this call.

    Raises:
        ValueError: the file holds something else.
    """

    def __init__(self, path: Path) -> None:
        """Read what is there."""
        self._path = path
        self.done: set[str] = set()
        self.num_added = 0
        for number, text in enumerate(path.read_text().splitlines() if path.exists() else []):
            try:
                line = dict(json.loads(text))
            except (TypeError, ValueError) as error:
                if number == 0:
                    raise ValueError(f"{path}: holds no results; name another file") from error
                continue  # where a call was cut off
            if "error" not in line and line.get("part") != "machine":
                self.done.add(str(line.get("part")))

    def add(self, line: dict[str, Any]) -> None:
        """Print and keep a result."""
        self.num_added += 1
        self.tell(line)
        cut_off = self._path.exists() and self._path.read_bytes()[-1:] not in (b"", b"\n")
        with self._path.open("a") as file:
            file.write("\n" * cut_off + json.dumps(line) + "\n")

    def tell(self, line: dict[str, Any]) -> None:
        """Print what is no result."""
        print(json.dumps(line), flush=True)
