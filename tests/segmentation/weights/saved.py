"""Values in the files of `torch_saved/`, which `write_torch_saved` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

TORCH_SAVED = Path(__file__).parent / "torch_saved"

BASE = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 3
ARRAYS = {
    "array": np.arange(6, dtype=np.float32).reshape(2, 3),
    "columns": np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
    "zeros": np.zeros(3000, np.float32),
    "number": np.float64(2.5),
}
PLAIN: list[Any] = [
    {"a": (1, 2.5, None)},
    {1, 2},
    b"\x00\xff",
    b"",
    "é",
    2**100,
    -5,
    True,
    {},
]
TRAINED = np.arange(6, dtype=np.float32).reshape(2, 3) / 8
