"""Networks exported for OpenVINO, kept on disk."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segmentation.errors import WeightsError
from segmentation.unfinished import Unfinished

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


def cached_export(folder: Path, origin: Origin, export: Callable[[Path], None]) -> Path:
    """Return the OpenVINO model of a network and its weights, made at the first call.

    Args:
        folder: of all exports; made if absent. The `MAX_EXPORTS` used last are kept.
        origin: what the export is made from.
        export: writes the model to an .xml it is given, and a .bin beside it.

    Raises:
        WeightsError: the folder cannot be written to.
    """
    weights = origin.weights
    state = weights.stat()
    program = checksum(origin.families)
    parts = (program, origin.settings, weights.resolve(), state.st_size, state.st_mtime_ns)
    identity = " ".join(map(str, parts))
    home = folder / hashlib.sha256(identity.encode()).hexdigest()[:24]
    model = home / "network.xml"
    if not model.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _make(home, export)
        except OSError as error:
            raise WeightsError(f"{folder}: cannot be written to ({error.strerror})") from error
    os.utime(home)
    exports = sorted(folder.glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime)
    for old in exports[:-MAX_EXPORTS]:
        shutil.rmtree(old, ignore_errors=True)
    return model


def _make(home: Path, export: Callable[[Path], None]) -> None:
    """Make the folder of an export, unless another program is faster."""
    made = Unfinished(home)
    try:
        made.path.mkdir()
        export(made.path / "network.xml")
        if not home.exists():
            made.finish()
    finally:
        made.discard()
