"""Weights of a network in an .npz, in the order of its variables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError


def read_weights(path: Path) -> list[NDArray[np.float32]]:
    """Return the network's weights in the order of `keras.Model.get_weights`, as float32.

    Raises:
        WeightsError: the file cannot be read as such.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = [archive[f"arr_{index}"] for index in range(len(archive.files))]
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{path}: not a file of portrait weights ({error})") from error
    return [array.astype(np.float32) for array in arrays]
