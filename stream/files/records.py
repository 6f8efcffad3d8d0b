"""Results in JSON, one record a line, of which the end, or what a disk lost, may be missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from segmentation.unfinished import discard_left_behind, unfinished

#: Of such files: one list of all records, and lines that are one each.
LIST, LINES = ".json", ".jsonl"

_BEGINNING = b"[\n"  # of a list


def is_records(path: Path) -> bool:
    """Return whether a file is one, by its ending or else by its first byte.

    A link may lead to any name; and no video and no animation begins like that.

    Raises:
        OSError: it cannot be read.
    """
    return path.suffix.lower() in (LIST, LINES) or _first_byte(path) in (b"[", b"{")


def mended(path: Path) -> int:
    """Complete a file after its last whole record; returns how many it has.

    What is between them is dropped where it is none. A file without any stays as it is.

    Raises:
        OSError: it cannot be read or changed.
    """
    is_list = path.suffix.lower() == LIST or _first_byte(path) == b"["
    before, between, after = (_BEGINNING, b",\n", b"\n]\n") if is_list else (b"", b"\n", b"\n")
    num, end, is_torn = 0, len(before) - len(between), False
    for start, record in _whole(path):
        is_torn = is_torn or start != end + len(between)
        num, end = num + 1, start + len(record)
    if num == 0:
        return 0
    if not is_torn:
        with path.open("r+b") as file:
            file.truncate(end)
            file.seek(end)
            file.write(after)
        return num
    discard_left_behind(path)
    with unfinished(path) as part, part.open("wb") as file:
        file.write(before)
        for number, (_, record) in enumerate(_whole(path)):
            file.write(between if number else b"")
            file.write(record)
        file.write(after)
    return num


def is_without_records(path: Path) -> bool:
    """Return whether a file ends before its first record does, and nothing else is in it.

    Raises:
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    if data.split() in ([b"[]"], [b"[", b"]"]):
        return True
    data = data.removeprefix(_BEGINNING)
    is_begun = data.startswith(b"{") and not any(each in data for each in (b"\n", b"\0"))
    return not data or (is_begun and not _is_whole(data, data))


def _whole(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield where each whole record starts, and the record."""
    position = 0
    with path.open("rb") as file:
        for line in file:
            record = line.removesuffix(b"\n").removesuffix(b",")
            if _is_whole(record, line):
                yield position, record
            position += len(line)


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


def _first_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1)
