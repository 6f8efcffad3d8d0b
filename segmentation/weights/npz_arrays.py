"""The arrays of an .npz, whatever may be wrong with the file."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError

#: what numpy raises on a file that is none of its own, or damaged
_DAMAGE = (BadZipFile, EOFError, KeyError, MemoryError, OSError, TypeError, ValueError)


def read_arrays(path: Path, expected: str) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of a file by name, as float32.

    Args:
        path: of the file.
        expected: whose file it should be, for the message, such as "of weights".

    Raises:
        WeightsError: it is not there, or cannot be read as such.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name].astype(np.float32) for name in archive.files}
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file; check the path") from error
    except _DAMAGE as error:
        raise WeightsError(f"{path}: no .npz {expected}, or cut off") from error
