"""What is made once in a session: several files of tests need it, and each worker runs some."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from segmentation.unfinished import unfinished


class SessionFolder:
    """A folder that all workers of a session have.

    Args:
        path: of the folder, made if absent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(exist_ok=True)

    def made(self, name: str, make: Callable[[Path], object]) -> Path:
        """Return the file of a name, written by `make` where nobody has done so."""
        path = self.path / name
        with self.one_at_a_time(name):
            if not path.exists():
                with unfinished(path) as part:
                    make(part)
        return path

    @contextlib.contextmanager
    def one_at_a_time(self, name: str) -> Iterator[None]:
        """Let others wait who want the same; where files cannot be held both make it."""
        if sys.platform == "win32":
            yield
            return
        import fcntl

        with open(self.path / f"{name}.lock", "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
