"""Weights of a network in an .npz, in the order of its variables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError
from segmentation.weights.npz_arrays import read_arrays

_EXPECTED = "of the portrait network, or of a training run's checkpoint"


def read_weights(path: Path) -> list[NDArray[np.float32]]:
    """Return the network's weights in the order of `keras.Model.get_weights`, as float32.

    Raises:
        WeightsError: the file cannot be read as such.
    """
    arrays = read_arrays(path, _EXPECTED)
    names = [f"arr_{index}" for index in range(len(arrays))]
    if set(names) != set(arrays):
        raise WeightsError(f"{path}: its weights have names, so it is no .npz {_EXPECTED}")
    return [arrays[name] for name in names]
