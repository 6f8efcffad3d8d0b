"""What programs that were killed left behind: recordings get their names, the rest is deleted."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from segmentation.unfinished import (
    PART,
    RECORDING,
    discard_if_left,
    discard_left_behind,
    give_free_name,
    taken_over,
    unfinished_in,
)
from stream.errors import StreamError
from stream.files.recording import is_empty, readable
from stream.files.records import is_records


def recovered(folder: Path, *, wanted: Collection[Path] = ()) -> Iterator[str]:
    """Give recordings that were left behind in a folder their names; delete empty ones.

    Recordings in use stay as they are: of a program that runs, or of an encoder that is still
    finishing what it was given.

    Args:
        folder: that is looked into, not what it holds.
        wanted: names that are given to none, because others will have them.

    Yields:
        What was done to each, in one line.

    Raises:
        OSError: the folder cannot be read.
    """
    for part, target in unfinished_in(folder, RECORDING).items():
        with taken_over(part) as is_left:
            if is_left:
                yield _recover(part, target, wanted)


def _recover(part: Path, target: Path, wanted: Collection[Path]) -> str:
    try:
        if is_empty(part):
            if part.is_dir():
                shutil.rmtree(part)
            else:
                part.unlink()
            return f"{target}: nothing had been recorded; what was left of it is deleted"
        length = readable(part)
        if length is not None:
            path = give_free_name(part, target, wanted)
            of = "" if path == target else f"; it was to be {target.name}"
            return f"{path}: recovered, {length} of a recording that was cut off{of}"
        what = "line" if is_records(part) else "frame"
    except (OSError, StreamError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        return f"{part}: a recording that cannot be recovered now ({why})"
    return f"{part}: a recording of which no {what} can be read; it stays there"


def clear_up(
    target: Path, on_message: Callable[[str], None], *, wanted: Collection[Path] = ()
) -> None:
    """Recover the recordings in the folder of an output, and delete other parts of that output.

    Args:
        target: of the output; no recording gets its name.
        on_message: told of each recording, in one line.
        wanted: see `recovered`.
    """
    with contextlib.suppress(OSError):  # who writes to the folder finds out why
        for line in recovered(target.parent, wanted={target, *wanted}):
            on_message(line)
    discard_left_behind(target)


def discard_parts(folder: Path, ending: str) -> None:
    """Delete parts of files of one ending that were left behind in a folder."""
    with contextlib.suppress(OSError):
        for part in unfinished_in(folder, PART):
            if part.suffix == ending:
                discard_if_left(part)
