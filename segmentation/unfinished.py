"""Files and folders that get their names once they are whole."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path


class Unfinished:
    """A file or folder that is made beside `target` and gets its name when it is whole.

    What has the name stays as it is until then. Several may be on their way to one name, also from
    several processes: none is in the way of another, and the last one gets it.

    Args:
        target: in a folder that is there.

    Attributes:
        target: as given.
        path: where it is made, by the caller: a hidden name that ends as that of `target` does.
    """

    def __init__(self, target: Path) -> None:
        """Choose a name; nothing is made yet."""
        self.target = target
        self.path = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.part{target.suffix}")

    def finish(self) -> None:
        """Give it its name; see `put_in_place`."""
        put_in_place(self.path, self.target)

    def discard(self) -> None:
        """Delete it. Nothing happens where it was never made, was deleted, or has its name."""
        _delete(self.path)


@contextlib.contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """Give a path to write to, which becomes `target` if the block ends well.

    Otherwise, also where Ctrl-C comes, what was written is deleted.

    Raises:
        OSError: it cannot get its name.
    """
    part = Unfinished(target)
    try:
        yield part.path
        part.finish()
    finally:
        part.discard()


def discard_left_behind(target: Path) -> None:
    """Delete what programs that were killed left on its way to `target`.

    For a target that only one program at a time writes: what others have begun is deleted too.
    """
    name = f".{glob.escape(target.stem)}.*.part{glob.escape(target.suffix)}"
    for path in target.parent.glob(name):
        _delete(path)


def put_in_place(part: Path, target: Path) -> None:
    """Rename what is whole to `target`, in place of a file that has that name.

    Raises:
        OSError: it cannot be renamed. What had the name still has it.
    """
    os.replace(part, target)


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
