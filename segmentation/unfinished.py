"""Files and folders that get their names once they are whole."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

# how file systems say that they cannot be made to write at once
_NO_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


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

    It lies on the disk by then, not only in memory: after a power cut the name is that of a whole
    file, this one or the one before.

    Raises:
        OSError: it cannot be written to the disk or renamed. What had the name still has it.
    """
    _sync(part)
    os.replace(part, target)
    _sync_one(target.parent)


def put_all_in_place(part: Path, folder: Path) -> None:
    """Move all that lies in the folder `part`, each whole, to `folder`, as `put_in_place` does.

    Raises:
        OSError: one cannot be written to the disk or renamed.
    """
    _sync(part)
    for path in part.iterdir():
        os.replace(path, folder / path.name)
    _sync_one(folder)


def _sync(path: Path) -> None:
    """Wait until a file, or all that is in a folder, lies on the disk."""
    for each in [*path.rglob("*"), path] if path.is_dir() else [path]:
        _sync_one(each)


def _sync_one(path: Path) -> None:
    is_windows = os.name == "nt"
    if is_windows and path.is_dir():
        return  # which writes names down by itself, and opens no folders
    try:
        # Windows syncs for whoever may write
        descriptor = os.open(path, os.O_RDWR if is_windows else os.O_RDONLY)
    except PermissionError:
        return  # a folder, say, that may be written to and not be read
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
