"""Files and folders that get their names once they are whole, and those that killed programs left.

What is unfinished has a hidden name. Where the program that makes it holds it, and whatever else
inherits the hold, others know that it is in use: the kernel lets go of it when the last of them has
ended, however that comes.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

# how file systems say that they cannot be made to write at once
_NO_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
#: Between a target's name and its ending: what can be made anew, and what will not come again.
PART, RECORDING = "part", "recording"

#: Why a file that may have no other name does not get its own.
MADE_MEANWHILE = "somebody made it meanwhile"

MAX_NAME_BYTES = 255  # of a file, on nearly every disk

_NAME = re.compile(rf"\.(.+)\.[0-9a-f]{{8}}\.({PART}|{RECORDING})(\.[^.]+)?", re.DOTALL)
_IN_USE_S = 10.0  # how long after a change, where nothing can be held


class Unfinished:
    """A file or folder that is made beside `target` and gets its name when it is whole.

    What has the name stays as it is until then. Several may be on their way to one name, also from
    several processes: none is in the way of another. The last one gets it of those that replace;
    of those that do not the first one, and the others names beside it.

    A target that is a link to a file is written through: the file it leads to is replaced.

    Args:
        target: in a folder that is there.
        kind: `PART` or `RECORDING`, which programs that find it left behind treat differently.
        replaces: what has the name when it is whole; else it gets one that nothing has.
        wanted: names that it is not given instead, because others will have them; with `None` it
            is given none, and cannot be finished.

    Attributes:
        target: as given, or what it leads to; once it is finished, the name that it has got.
        path: where it is made, by the caller: a hidden name that ends as that of `target` does.
    """

    def __init__(
        self,
        target: Path,
        kind: str = PART,
        *,
        replaces: bool = True,
        wanted: Collection[Path] | None = (),
    ) -> None:
        """Choose a name; nothing is made yet."""
        self._replaces = replaces
        self._wanted = None if wanted is None else [path for path in wanted if path != target]
        self.target = target = Path(os.path.realpath(target)) if target.is_symlink() else target
        stem = _hidden_stem(target, kind)
        self.path = target.with_name(f".{stem}.{secrets.token_hex(4)}.{kind}{target.suffix}")
        self._held: int | None = None

    def hold(self, *, is_private: bool = False) -> int:
        """Make an empty file, and hold it until it is finished or discarded.

        Args:
            is_private: nobody else may read it.

        Returns:
            The file descriptor that holds it; a process that inherits it holds it as well.

        Raises:
            OSError: it cannot be made.
        """
        mode = 0o600 if is_private else 0o666
        while self._held is None:
            self._held = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
            _lock(self._held, waits=True)
            # whoever clears up may have found and deleted it before it was held
            if not _is_at(self._held, self.path):
                self.release()
        return self._held

    def hold_folder(self) -> None:
        """Make a folder, and hold it likewise.

        Raises:
            OSError: it cannot be made.
        """
        self.path.mkdir()
        if sys.platform != "win32":
            self._held = os.open(self.path, os.O_RDONLY)
            _lock(self._held, waits=True)

    def release(self) -> None:
        """Hold it no longer. May be called again."""
        if self._held is not None:
            os.close(self._held)
        self._held = None

    def follow(self) -> bool:
        """Go with its folder where that was renamed or moved; returns whether it was.

        Linux alone tells where what is held lies.
        """
        if self._held is None or sys.platform != "linux" or _is_at(self._held, self.path):
            return False
        now = Path(os.readlink(f"/proc/self/fd/{self._held}"))
        if now.name != self.path.name or not _is_at(self._held, now):
            return False
        self.path, self.target = now, now.with_name(self.target.name)
        return True

    def finish(self) -> None:
        """Give it its name, which becomes its `target`: another one where it must not replace.

        Raises:
            FileExistsError: it may have no other name, and must not replace what has its own.
            OSError: see `put_in_place`.
        """
        if sys.platform == "win32":  # where what is open keeps its name
            self.release()
        if self._replaces:
            put_in_place(self.path, self.target)
        else:
            sync(self.path)
            if self._wanted is not None:
                self.target = give_free_name(self.path, self.target, self._wanted)
            elif not renamed(self.path, self.target):
                raise FileExistsError(errno.EEXIST, MADE_MEANWHILE, str(self.target))
            sync_one(self.target.parent)
        self.release()

    def become(self, other: Unfinished) -> None:
        """Be what `other` is, another file that was made of this one.

        Raises:
            OSError: see `put_in_place`.
        """
        if sys.platform == "win32":
            self.release()
            other.release()
        put_in_place(other.path, self.path)
        self.release()
        self._held, other._held = other._held, None

    def discard(self) -> None:
        """Delete it. Nothing happens where it was never made, was deleted, or has its name."""
        if sys.platform == "win32":
            self.release()
        _delete(self.path)
        self.release()


def shortened(name: str, num_bytes: int) -> str:
    """Return as much of the beginning of a name as has so many bytes on a disk."""
    data = os.fsencode(name)
    while len(data) > max(1, num_bytes):
        name = name[:-1]
        data = os.fsencode(name)
    return name


def _hidden_stem(target: Path, kind: str) -> str:
    """Return what a hidden name has of that of `target`: all but of the very longest ones."""
    around = f"..{'0' * 8}.{kind}{target.suffix}"
    return shortened(target.stem, MAX_NAME_BYTES - len(os.fsencode(around)))


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


def put_in_place(part: Path, target: Path) -> None:
    """Rename what is whole to `target`, in place of a file that has that name.

    It lies on the disk by then, not only in memory: after a power cut the name is that of a whole
    file, this one or the one before.

    Raises:
        OSError: it cannot be written to the disk or renamed. What had the name still has it.
    """
    sync(part)
    os.replace(part, target)
    sync_one(target.parent)


def give_free_name(part: Path, target: Path, wanted: Collection[Path]) -> Path:
    """Rename `part` to `target`, or to the first of talk-2.mp4, talk-3.mp4 ... that nothing has.

    It gets no name of `wanted`, which others will have.

    Raises:
        OSError: it cannot be renamed.
    """
    places = {os.path.realpath(path) for path in wanted}
    path, number = target, 2
    while os.path.realpath(path) in places or not renamed(part, path):
        ending = f"-{number}{target.suffix}"
        stem = shortened(target.stem, MAX_NAME_BYTES - len(os.fsencode(ending)))
        path, number = target.with_name(f"{stem}{ending}"), number + 1
    return path


def renamed(part: Path, path: Path) -> bool:
    """Rename `part` unless something has the name; returns whether it has it now."""
    if path.exists() or path.is_symlink():
        return False
    try:
        os.link(part, path)  # which, other than renaming, replaces nothing
    except FileExistsError:
        return False
    except OSError:  # not every file system has links, and folders have none
        os.rename(part, path)
    else:
        os.unlink(part)
    return True


def sync(path: Path) -> None:
    """Wait until a file, or all that is in a folder, lies on the disk."""
    for each in [*path.rglob("*"), path] if path.is_dir() else [path]:
        sync_one(each)


def sync_one(path: Path) -> None:
    """Wait likewise for a file, or for the names in a folder."""
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


def unfinished_in(folder: Path, kind: str) -> dict[Path, Path]:
    """Return what is on its way to a name in a folder, in use or not, and to which.

    A recording is a file or a folder: a pipe of such a name would be waited for.

    Raises:
        OSError: the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        names = {
            entry.name: _NAME.fullmatch(entry.name)
            for entry in sorted(entries, key=lambda entry: entry.name)
            if kind != RECORDING
            or entry.is_file(follow_symlinks=False)
            or entry.is_dir(follow_symlinks=False)
        }
    return {
        folder / name: folder / f"{match[1]}{match[3] or ''}"
        for name, match in names.items()
        if match is not None and match[2] == kind
    }


def discard_left_behind(target: Path) -> None:
    """Delete what programs that were killed left on its way to `target`, but for recordings.

    What is made with `unfinished` is not held: there the target must be one that only one program
    at a time writes.
    """
    for part in left_behind(target):
        discard_if_left(part)


def left_behind(target: Path) -> list[Path]:
    """Return what is on its way to `target`, in use or not, but for recordings."""
    name = f"{_hidden_stem(target, PART)}{target.suffix}"
    with contextlib.suppress(OSError):
        parts = unfinished_in(target.parent, PART).items()
        return [part for part, its_target in parts if its_target.name == name]
    return []


def discard_if_left(part: Path) -> None:
    """Delete what is unfinished unless it is in use."""
    with taken_over(part) as is_left:
        if is_left:
            _delete(part)


@contextlib.contextmanager
def taken_over(part: Path) -> Iterator[bool]:
    """Hold what another program began, unless it is in use; gives whether it is held now."""
    try:
        if sys.platform == "win32":
            os.rename(part, part)  # which is refused while it is open
            held = None
        else:
            held = os.open(part, os.O_RDONLY if part.is_dir() else os.O_RDWR)
    except OSError:
        yield False
        return
    if held is None:
        yield True
        return
    try:
        yield _lock(held, waits=False) and _is_at(held, part)
    finally:
        os.close(held)


@contextlib.contextmanager
def one_at_a_time(folder: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Let others wait, threads and programs, that make something in a folder in the same way.

    Where nothing can be held, several do so at once.

    Args:
        folder: that is there.
        on_wait: called before others are waited for; what it raises is raised instead.

    Raises:
        OSError: the folder cannot be opened.
    """
    if sys.platform == "win32":
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        if not _lock(held, waits=False, in_use_s=-math.inf):
            on_wait()
            _lock(held, waits=True)
        yield
    finally:
        os.close(held)


def _lock(held: int, *, waits: bool, in_use_s: float = _IN_USE_S) -> bool:
    """Lock what is open; returns whether nobody else holds it."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(held, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # some file systems of a network know no locks
        return waits or time.time() - os.fstat(held).st_mtime > in_use_s
    return True


def _is_at(held: int, path: Path) -> bool:
    """Return whether what is open still has its name."""
    if sys.platform == "win32":
        return True
    try:
        return os.path.samestat(os.fstat(held), os.stat(path))
    except OSError:
        return False


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
