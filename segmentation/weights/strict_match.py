"""Tensors of a weight file against those of a network: all agree, or one line says which not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]

#: names listed in an error; more are counted
MAX_LISTED = 4


def tensor_name(variable: keras.Variable) -> str:
    """Return "layer/tensor" (`stem/kernel`), whatever models the layer lies in."""
    return "/".join(variable.path.split("/")[-2:])


def match_shapes(in_file: Mapping[str, Shape], in_network: Mapping[str, Shape]) -> None:
    """Compare the tensors of a file, by name, with those that a network has.

    Raises:
        WeightsError: they differ; it lists every difference, but does not name the file.
    """
    differences = [
        ("missing", [name for name in in_network if name not in in_file]),
        ("not in the network", [name for name in in_file if name not in in_network]),
        (
            "of another shape",
            [
                f"{name} {in_file[name]} instead of {shape}"
                for name, shape in in_network.items()
                if name in in_file and in_file[name] != shape
            ],
        ),
    ]

    texts = [f"{len(names)} tensors {what}: {_few(names)}" for what, names in differences if names]
    if texts:
        raise WeightsError("; ".join(texts) + "; give a file of this network")


def _few(names: list[str]) -> str:
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def finite(values: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Return a tensor's values in float32.

    Raises:
        WeightsError: some are not finite.
    """
    values = np.asarray(values, np.float32)
    if not np.isfinite(values).all():
        raise WeightsError(f"{name} has values that are not finite; get the file again")
    return values
