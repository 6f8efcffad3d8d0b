"""Networks exported for OpenVINO, kept on disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segmentation.errors import WeightsError
from segmentation.unfinished import (
    PART,
    Unfinished,
    discard_if_left,
    one_at_a_time,
    unfinished_in,
)

MAX_EXPORTS = 4  # kept on disk; one of Mask R-CNN takes 260 MB
PACKAGE = Path(__file__).parents[1]
#: folders of the package that every network is made with, beside those of its family
SHARED = ("parts", "runtime", "weights")
#: files beside the folders that stand above all networks, so that none depends on them
ABOVE = ("__init__.py", "loading.py")


@dataclass(frozen=True, slots=True)
class Origin:
    """What an export is made from: where any of it changes, there is another export.

    Attributes:
        weights: the file of weights, known by its place, size and time.
        settings: the network's name, and everything else that decides its graph, in one line.
        families: folders of the package in which the network is built: its family's, and those of
            families it stands on. The code in them counts as well.
    """

    weights: Path
    settings: str
    families: Sequence[str]


def sources(families: Sequence[str]) -> list[Path]:
    """Return the files of code that decide an export, in order; see `Origin.families`."""
    beside = [path for path in PACKAGE.glob("*.py") if path.name not in ABOVE]
    inside = [path for name in (*families, *SHARED) for path in (PACKAGE / name).rglob("*.py")]
    return sorted([*beside, *inside])


def checksum(families: Sequence[str]) -> str:
    """Return the SHA-256, in hexadecimal, of what `sources` returns, names included."""
    digest = hashlib.sha256()
    for path in sources(families):
        code = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()} {len(code)}\n".encode() + code)
    return digest.hexdigest()


def cached_export(
    folder: Path,
    origin: Origin,
    export: Callable[[Path], None],
    on_wait: Callable[[], None] = lambda: None,
) -> Path:
    """Return the OpenVINO model of a network and its weights, made at the first call.

    One is made at a time, of all programs: each takes one or two gigabytes of memory.

    Args:
        folder: of all exports; made if absent. The `MAX_EXPORTS` used last are kept.
        origin: what the export is made from.
        export: writes the model to an .xml it is given, and a .bin beside it.
        on_wait: called where another thread or program makes one, which is waited for.

    Raises:
        WeightsError: the folder cannot be written to.
    """
    home = folder / _identity(origin)
    model = home / "network.xml"
    if not model.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with one_at_a_time(folder, on_wait):
                if not model.exists():
                    _clear(folder, home)
                    _make(model, export)
                    _evict(folder, home)
        except OSError as error:
            raise WeightsError(f"{folder}: cannot be written to ({error.strerror})") from error
    with contextlib.suppress(OSError):  # somebody else's, or just deleted
        os.utime(home)
    return model


def _identity(origin: Origin) -> str:
    """Return the name of an export."""
    weights = origin.weights
    state = weights.stat()
    program = checksum(origin.families)
    parts = (program, origin.settings, weights.resolve(), state.st_size, state.st_mtime_ns)
    return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()[:24]


def _clear(folder: Path, home: Path) -> None:
    """Delete what killed programs left, and a folder that has no model in it."""
    for part in unfinished_in(folder, PART):
        discard_if_left(part)
    if home.exists():
        _delete(home)


def _make(model: Path, export: Callable[[Path], None]) -> None:
    """Make the folder of an export, unless a program that did not wait is faster."""
    made = Unfinished(model.parent)
    try:
        made.hold_folder()
        export(made.path / model.name)
        try:
            made.finish()
        except OSError:
            if not model.exists():
                raise
    finally:
        made.discard()


def _evict(folder: Path, newest: Path) -> None:
    """Delete the exports that were not used for longest."""
    others = [path for path in folder.glob("[0-9a-f]*") if path != newest]
    for old in sorted(others, key=_last_used, reverse=True)[MAX_EXPORTS - 1 :]:
        _delete(old)


def _last_used(home: Path) -> float:
    try:
        return home.stat().st_mtime
    except OSError:  # deleted by another program
        return 0.0


def _delete(home: Path) -> None:
    """Delete an export at once: nobody finds half of it."""
    part = Unfinished(home)
    with contextlib.suppress(OSError):
        os.replace(home, part.path)
    part.discard()
