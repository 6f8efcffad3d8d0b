"""Whether other programs have the pictures of a virtual camera."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

from stream.cameras.holders import holders
from stream.cameras.v4l2 import Device

#: After so long who has it open is looked up anew, though nothing was heard,
_LOOK_AGAIN_S = 10.0
#: and where nothing can be heard.
_LOOK_OFTEN_S = 2.0
#: Of inotify(7): IN_OPEN, IN_CLOSE_WRITE and IN_CLOSE_NOWRITE.
_OPENED_OR_CLOSED = 0x20 | 0x08 | 0x10
_MAX_HEARD = 1 << 16


class Readers:
    """Tells whether a virtual camera is in use; may be asked often, at hardly any cost.

    v4l2loopback from 0.13 on says so itself. Of an older one a program is taken to read it that
    has it open, which is looked up whenever somebody has opened or closed it; those of other users
    are seen by root alone.

    Args:
        path: of the device.
    """

    def __init__(self, path: Path) -> None:
        """Ask for the first time."""
        self._path = path
        self._opening: Opening | None = None  # where the driver does not say
        self._are_there = False
        self._looked_s = 0.0

    def are_there(self) -> bool:
        """Return whether a program reads it now; not where it is gone."""
        if self._opening is None:
            try:
                with Device(self._path) as device:
                    told = device.num_readers()
            except FileNotFoundError:
                return False
            except OSError:  # as of a driver that lets one program in at a time
                told = None
            if told is not None:
                return told > 0
            self._opening, self._looked_s = Opening(self._path), -_LOOK_AGAIN_S
        now_s = time.monotonic()
        limit_s = _LOOK_AGAIN_S if self._opening.is_heard else _LOOK_OFTEN_S
        if self._opening.has_happened() or now_s - self._looked_s > limit_s:
            self._looked_s = now_s
            self._are_there = bool(holders(self._path))
        return self._are_there

    def close(self) -> None:
        """Listen no more. May be called again."""
        if self._opening is not None:
            self._opening.close()


class Opening:
    """Hears of it when a file is opened or closed, by Linux' inotify.

    Args:
        path: of the file.

    Attributes:
        is_heard: not where there is no inotify, or no more of it to be had.
    """

    def __init__(self, path: Path) -> None:
        """Begin to listen."""
        self._file = _inotify_of(path)
        self.is_heard = self._file is not None

    def has_happened(self) -> bool:
        """Return whether somebody did since the last call."""
        if self._file is None:
            return False
        try:
            return bool(os.read(self._file, _MAX_HEARD))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Listen no more. May be called again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _inotify_of(path: Path) -> int | None:
    """Return an open file that has news of another one, `None` where that cannot be had."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "inotify_init1"):
        return None
    file = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    if file < 0:
        return None
    if libc.inotify_add_watch(file, os.fsencode(path), _OPENED_OR_CLOSED) < 0:
        os.close(file)
        return None
    return file
