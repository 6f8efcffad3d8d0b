"""Where on this machine's disk the files of object stores lie as long as they are needed."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from segmentation.unfinished import (
    MAX_NAME_BYTES,
    Unfinished,
    discard_if_left,
    left_behind,
    shortened,
    taken_over,
)
from stream.stores.rescue import moved_home, set_aside

_TO_SEND = "send-"  # of the folders in it for what is to be sent


class Scratch:
    """A folder that only its owner can read, and that is gone at the end, however that comes.

    What is whole of the files that were to be sent stays, unless somebody has taken it out.

    Args:
        on_message: told of what killed programs left, see `clear_old_scratch`.
    """

    def __init__(self, on_message: Callable[[str], None]) -> None:
        """Make nothing yet."""
        self._on_message = on_message

    def __enter__(self) -> Self:
        """Make it.

        Raises:
            OSError: there is no room for temporary files.
        """
        target = _target()
        _clear(target, self._on_message)
        self._folder = Unfinished(target)
        self._folder.hold_folder()
        os.chmod(self._folder.path, 0o700)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Delete it."""
        if any(_to_send(self._folder.path)):
            self._folder.release()  # for the next one to tell
        else:
            self._folder.discard()

    def path_for(self, name: str, *, is_to_send: bool = False) -> Path:
        """Return a path, in a folder of its own, for a file that has this name elsewhere.

        Args:
            name: of the file.
            is_to_send: once it has its name it is never deleted.
        """
        prefix = _TO_SEND if is_to_send else None
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=self._folder.path))
        stem, ending = PurePosixPath(name).stem, PurePosixPath(name).suffix
        return folder / (shortened(stem, MAX_NAME_BYTES // 2) + ending)


def clear_old_scratch(on_message: Callable[[str], None]) -> None:
    """Delete what killed programs left, if there is a place for temporary files at all.

    Args:
        on_message: told, in a line each, of files that they had no time to send. These are taken
            out, as those of this program would be.
    """
    with contextlib.suppress(OSError):
        _clear(_target(), on_message)


def _clear(target: Path, on_message: Callable[[str], None]) -> None:
    """Do so with all folders that were on their way to `target`."""
    for folder in filter(_is_ours, left_behind(target)):
        with taken_over(folder) as is_left:
            if is_left:
                for file in _to_send(folder):
                    at = moved_home(file) or set_aside(file)
                    on_message(
                        f"{file.name}: a run that was killed had not sent it; it lies in {at}"
                    )
        if not any(_to_send(folder)):
            discard_if_left(folder)


def _is_ours(folder: Path) -> bool:
    """Return whether a folder is this user's: what somebody else puts there comes nowhere."""
    try:
        return sys.platform == "win32" or folder.lstat().st_uid == os.geteuid()
    except OSError:  # another one has deleted it meanwhile
        return False


def _to_send(folder: Path) -> Iterator[Path]:
    """Yield the files in a scratch folder that are whole and were to be sent."""
    for path in sorted(folder.glob(f"{_TO_SEND}*/*")):
        if not path.name.startswith("."):
            yield path


def _target() -> Path:
    return Path(tempfile.gettempdir()) / "maskcast-files"
