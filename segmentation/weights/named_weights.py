"""Weights of a network in an .npz, by the names of layers and variables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError
from segmentation.weights.npz_arrays import read_arrays
from segmentation.weights.strict_match import Shape, finite, match_shapes, tensor_name

if TYPE_CHECKING:
    import keras

Weights = dict[str, NDArray[Any]]


def named_weights(network: keras.Model) -> Weights:
    """Return every variable by "layer/variable" (`stem/kernel`)."""
    return {tensor_name(variable): np.asarray(variable) for variable in network.variables}


def save_named(weights: Weights, path: Path) -> None:
    """Write weights, kernels in 16 bits; vectors, whose small numbers that would lose, as are."""
    halved = {
        name: value.astype(np.float16) if value.ndim > 1 else value
        for name, value in weights.items()
    }
    np.savez(path, **halved)  # type: ignore[arg-type]


def read_named(path: Path) -> Weights:
    """Return the weights of a file as float32.

    Raises:
        WeightsError: it cannot be read as such.
    """
    weights: Weights = dict(read_arrays(path, "of weights as this program writes them"))
    return weights


def matching(weights: Weights, shapes: Mapping[str, Shape], path: Path) -> Weights:
    """Return weights that have exactly these names and shapes, in that order, all finite.

    Args:
        weights: see `named_weights`.
        shapes: by name.
        path: they come from, for the message.

    Raises:
        WeightsError: one is missing, too many, of another shape or not finite.
    """
    try:
        match_shapes({name: value.shape for name, value in weights.items()}, shapes)
        return {name: finite(weights[name], name) for name in shapes}
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def set_named(network: keras.Model, weights: Weights, path: Path) -> None:
    """Set every variable of a network from weights that have exactly these names and shapes.

    Args:
        network: whose layers are named.
        weights: see `named_weights`.
        path: they come from, for the message.

    Raises:
        WeightsError: see `matching`. The network is as it was.
    """
    variables = {tensor_name(variable): variable for variable in network.variables}
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    for name, value in matching(weights, shapes, path).items():
        variables[name].assign(value)
