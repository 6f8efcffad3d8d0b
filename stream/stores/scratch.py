"""Where on this machine's disk the files of object stores lie as long as they are needed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from segmentation.unfinished import MAX_NAME_BYTES, Unfinished, discard_left_behind, shortened


class Scratch:
    """A folder that only its owner can read, and that is gone at the end, however that comes.

    What killed programs left of such folders is deleted by the next one.
    """

    def __enter__(self) -> Self:
        """Make it.

        Raises:
            OSError: there is no room for temporary files.
        """
        target = _target()
        discard_left_behind(target)
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
        self._folder.discard()

    def path_for(self, name: str) -> Path:
        """Return a path, in a folder of its own, for a file that has this name elsewhere."""
        folder = Path(tempfile.mkdtemp(dir=self._folder.path))
        stem, ending = PurePosixPath(name).stem, PurePosixPath(name).suffix
        return folder / (shortened(stem, MAX_NAME_BYTES // 2) + ending)


def discard_old_scratch() -> None:
    """Delete what killed programs left, if there is a place for temporary files at all."""
    with contextlib.suppress(OSError):
        discard_left_behind(_target())


def _target() -> Path:
    return Path(tempfile.gettempdir()) / "maskcast-files"
