"""Networks exported for OpenVINO, kept on disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from segmentation.errors import WeightsError

MAX_EXPORTS = 4  # kept on disk; one of Mask R-CNN takes 260 MB


def _program() -> str:
    """Return a checksum of all that may build networks: another program, another export."""
    sources = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def cached_export(
    folder: Path, weights: Path, settings: str, export: Callable[[Path], None]
) -> Path:
    """Return the OpenVINO model of a network and its weights, made at the first call.

    Args:
        folder: of all exports; made if absent. The `MAX_EXPORTS` used last are kept.
        weights: the file they come from; a changed file gives another export.
        settings: everything else that the export depends on, this program aside.
        export: writes the model to an .xml it is given, and a .bin beside it.

    Raises:
        WeightsError: the folder cannot be written to.
    """
    state = weights.stat()
    parts = (_program(), settings, weights.resolve(), state.st_size, state.st_mtime_ns)
    identity = " ".join(map(str, parts))
    home = folder / hashlib.sha256(identity.encode()).hexdigest()[:24]
    model = home / "network.xml"
    if not model.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as part:
                made = Path(part) / "export"
                made.mkdir()
                export(made / "network.xml")
                if not home.exists():
                    os.replace(made, home)
        except OSError as error:
            raise WeightsError(f"{folder}: cannot be written to ({error.strerror})") from error
    os.utime(home)
    exports = sorted(folder.glob("[0-9a-f]*"), key=lambda path: path.stat().st_mtime)
    for old in exports[:-MAX_EXPORTS]:
        shutil.rmtree(old, ignore_errors=True)
    return model
