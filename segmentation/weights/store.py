"""The weight files on disk: where they lie, fetched, checked, listed and removed.

A file `mask_rcnn_coco.h5` may have beside it:

- `mask_rcnn_coco.h5.sha256`: its SHA-256 as `sha256sum -c` reads it, and in a comment the size and
  time of the file that was hashed. While these two agree the file is taken as it is; else it is
  hashed again, which takes about a second for 250 MB.
- `mask_rcnn_coco.h5.part` and `.part.json`: what a fetch that was cut off will go on from.
- `mask_rcnn_coco.h5.lock`: empty, held by the process that fetches. It stays.

Where the host publishes no checksum, the one of the first fetch is held to until `remove`.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from segmentation.errors import WeightsError
from segmentation.unfinished import put_in_place, unfinished
from segmentation.user_folders import user_cache
from segmentation.weights.presets import PRESETS, Preset
from segmentation.weights.unfinished_files import discard, disk_errors, version_file

if TYPE_CHECKING:
    from segmentation.weights.download import OnProgress


#: against transmission errors, also where it may not be used against forgery
_md5 = partial(hashlib.md5, usedforsecurity=False)
#: bytes of a file that decide whether it can be one of weights
LONGEST_SIGNATURE = 16


@dataclass(frozen=True, slots=True)
class Listed:
    """A preset and what is on disk of it.

    Attributes:
        preset: what can be fetched.
        path: its file on disk, `None` where it is not there.
        num_bytes: of that file; else as published, `None` where that is not known.
    """

    preset: Preset
    path: Path | None
    num_bytes: int | None


@dataclass(frozen=True, slots=True)
class _Record:
    """The content of a `.sha256` file; size and time are those of the file when it was hashed."""

    sha256: str
    num_bytes: int
    mtime_ns: int


def folder() -> Path:
    """Return where weight files lie: `$MASKCAST_WEIGHTS`, else `weights` in `user_cache`."""
    chosen = os.environ.get("MASKCAST_WEIGHTS")
    return Path(chosen).expanduser() if chosen else user_cache() / "weights"


def find(preset: Preset) -> Path | None:
    """Return the file of a preset, unchecked; `None` where it is not on disk."""
    path = folder() / preset.file_name
    return path if path.is_file() else None


def listing() -> list[Listed]:
    """Return every preset, in the order of `PRESETS`."""
    return [_listed(preset) for preset in PRESETS.values()]


def _listed(preset: Preset) -> Listed:
    path = find(preset)
    published = preset.num_bytes or preset.about_bytes
    return Listed(preset, path, path.stat().st_size if path else published)


# === Checked ===


def locate(preset: Preset) -> Path:
    """Return the file of a preset, ready to be read; nothing is downloaded.

    Fast where size and time are those noted when it was hashed, else like `verify`. A file that
    was put there by hand is hashed at the first call and held to that.

    Raises:
        WeightsError: it is not on disk, or is not the file it should be.
    """
    path = _present(preset)
    record = _read_record(path)
    state = path.stat()
    if record is None or (state.st_size, state.st_mtime_ns) != (record.num_bytes, record.mtime_ns):
        verify(preset)
    return path


def verify(preset: Preset) -> str:
    """Read the whole file of a preset and return its SHA-256, in hexadecimal.

    Raises:
        WeightsError: it is not on disk, or is not the file it should be.
    """
    path = _present(preset)
    record = _read_record(path)
    try:
        sha256 = _check(preset, path, record)
    except WeightsError as error:
        raise WeightsError(
            f"{path}: {error}; run.py models fetch {preset.name} gets it anew, "
            "--weights FILE reads any other"
        ) from error
    with suppress(WeightsError):  # a folder that cannot be written to may still be read
        _write_record(path, path, sha256)
    return sha256


def _present(preset: Preset) -> Path:
    path = find(preset)
    if path is None:
        raise WeightsError(
            f"{folder() / preset.file_name}: the weights of {preset.name} are not there; "
            f"run.py models fetch {preset.name}, or name a file with --weights FILE"
        )
    return path


def _check(preset: Preset, path: Path, record: _Record | None) -> str:
    """Return the SHA-256 of `path`, which must be that of the preset, else of the record."""
    md5 = None
    try:
        with open(path, "rb") as file:
            begins = file.read(LONGEST_SIGNATURE)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            num_bytes = file.tell()
            if preset.md5 is not None:
                file.seek(0)
                md5 = hashlib.file_digest(file, _md5).hexdigest()
    except OSError as error:
        raise WeightsError(f"cannot be read ({error.strerror or error})") from error
    if not begins.startswith(preset.signature):
        raise WeightsError("not a weight file by its first bytes, perhaps a web page")
    if preset.num_bytes is not None and num_bytes != preset.num_bytes:
        raise WeightsError(f"wrong size: expected {preset.num_bytes} bytes, got {num_bytes}")
    if preset.sha256 is not None and sha256 != preset.sha256:
        raise WeightsError(f"wrong checksum: published is {preset.sha256}, got {sha256}")
    if md5 != preset.md5:
        raise WeightsError(f"wrong checksum: published is the MD5 {preset.md5}, got {md5}")
    if preset.sha256 is None and record is not None and sha256 != record.sha256:
        raise WeightsError(
            f"wrong checksum: at the first fetch {record.sha256}, got {sha256} "
            f"(run.py models remove {preset.name} forgets the first)"
        )
    return sha256


def _record_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _read_record(path: Path) -> _Record | None:
    try:
        text = _record_file(path).read_text()
    except (OSError, ValueError):
        return None
    found = re.match(r"# ([0-9]+) bytes, changed at ([0-9]+) ns\n([0-9a-f]{64})  ", text)
    return _Record(found[3], int(found[1]), int(found[2])) if found else None


def _write_record(path: Path, hashed: Path, sha256: str) -> None:
    """Note the checksum of `path`, whose bytes lie in `hashed` at the moment."""
    target = _record_file(path)
    with disk_errors(target):
        state = hashed.stat()
        with unfinished(target) as new:
            new.write_text(
                f"# {state.st_size} bytes, changed at {state.st_mtime_ns} ns\n"
                f"{sha256}  {path.name}\n"
            )


# === Fetched and removed ===


def fetch(preset: Preset, on_progress: OnProgress) -> Path:
    """Return the file of a preset, downloaded unless it is on disk and right.

    It gets its name only when it is whole and checked. What was fetched before an error or a
    Ctrl-C stays in a `.part` file from which the next call goes on, unless it is wrong.

    Args:
        preset: what to fetch.
        on_progress: called with the bytes on disk and the bytes of the whole file, often; not
            called where nothing is downloaded.

    Raises:
        WeightsError: no network, another file than expected, no room, or another process is
            fetching it; one line with the remedy.
    """
    # which imports http and ssl: nobody else shall wait for them
    from segmentation.weights.download import download

    path = folder() / preset.file_name
    part = path.with_name(path.name + ".part")
    with _locked(path):
        record = _read_record(path)
        if path.is_file():
            with suppress(WeightsError):
                return locate(preset)
        download(preset.address, part, on_progress, preset.num_bytes)
        try:
            sha256 = _check(preset, part, record)
        except WeightsError as error:
            discard(part)
            raise WeightsError(
                f"{preset.address}: {error}; look at its source, {preset.source}"
            ) from error
        _write_record(path, part, sha256)
        with disk_errors(path):
            put_in_place(part, path)
            version_file(part).unlink(missing_ok=True)
    return path


def remove(preset: Preset) -> bool:
    """Remove a preset's file, its checksum and what is left of a fetch; whether any was there.

    Raises:
        WeightsError: it cannot be removed, or another process is fetching it.
    """
    path = folder() / preset.file_name
    if not path.parent.is_dir():
        return False
    part = path.with_name(path.name + ".part")
    with _locked(path), disk_errors(path):
        there = [
            file
            for file in (path, _record_file(path), part, version_file(part))
            if os.path.lexists(file)
        ]
        for file in there:
            file.unlink()
    return bool(there)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Make the folder of `path` and hold its lock; another process that wants it is refused."""
    lock = path.with_name(path.name + ".lock")
    with disk_errors(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = open(lock, "ab")
    with file:
        with disk_errors(lock):
            try:
                _lock(file)
            except (BlockingIOError, PermissionError) as error:
                raise WeightsError(
                    f"{path}: another process is fetching it; wait until it is done"
                ) from error
        yield


def _lock(file: IO[bytes]) -> None:
    """Lock an open file until it is closed; `BlockingIOError` or `PermissionError` if it is."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
