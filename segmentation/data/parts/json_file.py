"""JSON of unknown origin: what would take far more memory than it is long is not read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from segmentation.errors import DataError

#: Bytes that Python takes for what begins with, or stands behind, each of these
_COSTS = {b"{": 240, b"[": 72, b",": 34, b'"': 36}
#: Times the size of the file, and bytes, that its content may take; annotations take 3 to 8 times
MAX_GROWTH, ALWAYS_ALLOWED = 9, 120_000_000


def read_json(path: Path) -> Any:
    """Return the content of a file.

    Raises:
        DataError: it cannot be read, or has more small parts than annotations have.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    cost = sum(each * data.count(mark) for mark, each in _COSTS.items()) + len(data)
    if cost > MAX_GROWTH * len(data) + ALWAYS_ALLOWED:
        told = f"{cost / 1e9:.1f} GB for {len(data) / 1e6:.0f} MB"
        raise DataError(
            f"{path}: has more small parts than annotations have and would take {told}; "
            "split it into several files"
        )
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON, or not all of it ({error})") from error
