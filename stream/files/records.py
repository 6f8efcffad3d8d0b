"""Results in JSON, one record a line, of which the end may be missing."""

from __future__ import annotations

import json
from pathlib import Path

#: Of such files: one list of all records, and lines that are one each.
LIST, LINES = ".json", ".jsonl"


def is_records(path: Path) -> bool:
    """Return whether a file is one by its name."""
    return path.suffix.lower() in (LIST, LINES)


def mended(path: Path) -> int:
    """Cut a file after its last whole record, and complete it; returns how many it has.

    One without any stays as it is.

    Raises:
        OSError: it cannot be read or changed.
    """
    num, num_bytes, ends_line = _whole(path)
    if num == 0:
        return 0
    end = b"" if ends_line else b"\n"
    if path.suffix.lower() == LIST:
        end += b"]\n"
    with path.open("r+b") as file:
        file.truncate(num_bytes)
        file.seek(num_bytes)
        file.write(end)
    return num


def num_records(path: Path) -> int:
    """Return how many whole records a file has.

    Raises:
        OSError: it cannot be read.
    """
    return _whole(path)[0]


def _whole(path: Path) -> tuple[int, int, bool]:
    """Return how many records are whole, where the last one ends, and whether its line does.

    After the last record of a list comes no line's end, but what completes it.
    """
    num = num_bytes = position = 0
    ends_line = False
    with path.open("rb") as file:
        for line in file:
            record = line.removesuffix(b"\n").removesuffix(b",")
            if _is_whole(record, line):
                num += 1
                ends_line = line == record + b"\n"
                num_bytes = position + len(record) + ends_line
            position += len(line)
    return num, num_bytes, ends_line


def _is_whole(record: bytes, line: bytes) -> bool:
    if not (record.startswith(b"{") and record.endswith(b"}")) or b"\0" in record:
        return False  # zeros are what a power failure leaves of what was not on the disk yet
    if line.endswith(b"\n"):
        return True
    try:
        json.loads(record)
    except ValueError:
        return False
    return True
