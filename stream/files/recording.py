"""A recording on its way to its name: what is in it is never deleted."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Collection
from pathlib import Path

from segmentation.unfinished import RECORDING, Unfinished, give_free_name
from stream.errors import StreamError
from stream.ffmpeg.length import length_s
from stream.files.frameless import is_without_frames
from stream.files.recorded_files import num_files, without_halves
from stream.files.records import is_records, is_without_records, mended
from stream.photo.formats.webp import animation_s

_SYNC_S = 2.0  # so much is lost where the power fails, beside what the encoder holds back
_HEADER_BYTES = 1 << 16  # before the first frame fewer are written


class Recording(Unfinished):
    """A video of what will not come again, or what was found there: a file, or a folder of them.

    It is on the disk, not only on its way there, every two seconds. Where it is not finished, it
    is kept under a name that nothing has, or left under its hidden one for `recovered`.

    Args:
        target: see `Unfinished`.
        overwrite: a file that has the name is replaced by a recording that is whole.
        wanted: names that are given to no other recording, because others will have them.
    """

    def __init__(self, target: Path, *, overwrite: bool, wanted: Collection[Path] = ()) -> None:
        """Choose a name; nothing is made yet."""
        super().__init__(target, RECORDING, replaces=overwrite, wanted=wanted)
        self._ended = threading.Event()
        self._syncing: threading.Thread | None = None

    def hold(self, *, is_private: bool = False) -> int:
        """Make an empty file and hold it; see `Unfinished`."""
        held = super().hold(is_private=is_private)
        self._syncing = threading.Thread(
            target=self._sync, args=(held,), name=f"sync {self.target.name}", daemon=True
        )
        self._syncing.start()
        return held

    def release(self) -> None:
        """Hold it no longer. May be called again."""
        self._stop_syncing()
        super().release()

    def become(self, other: Unfinished) -> None:
        """Be what `other` is; see `Unfinished`."""
        self._stop_syncing()
        super().become(other)

    def finish(self) -> None:
        """Give it its name, which becomes its `target`: another one where it must not replace.

        Raises:
            OSError: see `put_in_place`.
        """
        if self._replaces:
            super().finish()
        else:
            self.keep()

    def keep(self) -> None:
        """Give it a name that nothing has, which becomes its `target`: its own if that is free.

        Raises:
            OSError: see `put_in_place`.
        """
        if self._held is not None:
            with contextlib.suppress(OSError):  # it gets its name all the same
                os.fsync(self._held)
        if sys.platform == "win32":  # where what is open keeps its name
            self.release()
        self.target = give_free_name(self.path, self.target, self._wanted or ())
        self.release()

    def discard(self) -> None:
        """Delete it if nothing is in it; else leave it for `recovered`."""
        with contextlib.suppress(StreamError, OSError):
            if is_empty(self.path):
                super().discard()
        self.release()

    def _sync(self, held: int) -> None:
        while not self._ended.wait(_SYNC_S):
            with contextlib.suppress(OSError):
                os.fsync(held)

    def _stop_syncing(self) -> None:
        """Let no other thread use what is about to be closed."""
        self._ended.set()
        if self._syncing is not None:
            self._syncing.join()


def is_empty(part: Path) -> bool:
    """Return whether nothing was written of a recording: no frame, no record, no file.

    What no program here can read is not empty: it may be damaged, or need a newer program.

    Raises:
        OSError: it cannot be looked at.
    """
    if part.is_dir():
        return num_files(part) == 0
    size = part.stat().st_size
    if size == 0 or size >= _HEADER_BYTES:
        return size == 0
    return is_without_records(part) if is_records(part) else is_without_frames(part.read_bytes())


def readable(part: Path) -> str | None:
    """Return how much of a recording can be read, for people; `None` of nothing.

    Results end with their last whole record from then on, and in a folder is nothing half.

    Raises:
        OSError: see `mended` and `without_halves`.
        StreamError: ffmpeg is not there, cannot be run or was killed.
    """
    if part.is_dir():
        num = without_halves(part)
        return f"{num} {'file' if num == 1 else 'files'}" if num else None
    if is_records(part):
        num = mended(part)
        return f"{num} {'line' if num == 1 else 'lines'}" if num else None
    with part.open("rb") as file:
        length = animation_s(file)  # of a WebP, which older ones of ffmpeg do not read
    if length is None:
        length = length_s(part)
    return None if length is None else as_length(length)


def as_length(seconds: float) -> str:
    """Return a length for people: "12.3 s", "3:05", "1:02:05"."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
