"""How much room is left on the disk that a recording grows on."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

#: What a recording leaves free: completing it takes room, and so does the system it runs on.
RESERVE_BYTES = 200_000_000

_LOOK_S = 1.0  # between two looks at the disk


class DiskSpace:
    """Looks, about once a second, whether a recording has to end so that it can be completed.

    Where little was free from the start, half of that is kept for completing it.

    Args:
        folder: that is written to.
    """

    def __init__(self, folder: Path) -> None:
        """Look for the first time."""
        self._folder = folder
        free = _free_bytes(folder)
        self._reserve = RESERVE_BYTES if free is None else min(RESERVE_BYTES, free // 2)
        self._due_s = time.monotonic() + _LOOK_S

    def is_short(self) -> bool:
        """Return whether no more than the reserve is left, as far as is known by now."""
        now = time.monotonic()
        if now < self._due_s:
            return False
        self._due_s = now + _LOOK_S
        free = _free_bytes(self._folder)
        return free is not None and free < self._reserve

    def reason(self, name: str) -> str:
        """Say in one line why the recording `name` has ended."""
        return f"{name}: ended, because its disk is almost full; what was written until then stays"


def _free_bytes(folder: Path) -> int | None:
    """Return the bytes that are free, `None` where the file system does not say."""
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free
    return None
