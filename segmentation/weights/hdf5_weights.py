"""Weights in HDF5 as Keras 2 wrote them, read by layer name and matched exactly.

The format: a group for each layer, whose attribute `weight_names` lists its tensors, kept as
datasets below it (`conv1/conv1/kernel:0`). A whole model keeps these groups under
`model_weights`. A layer that is itself a model lists the tensors of its own layers
(`rpn_model/rpn_class_raw/bias:0`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError
from segmentation.weights.npz_arrays import allowed_bytes
from segmentation.weights.strict_match import Shape, finite, match_shapes, tensor_name

if TYPE_CHECKING:
    import keras

MAX_TENSORS = 20_000
#: what h5py raises on a file whose bytes contradict each other
_DAMAGE = (
    AttributeError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)


@contextmanager
def _tensors(path: Path) -> Iterator[dict[str, Any]]:
    """Open the file and give its datasets by "layer/tensor", without reading their values."""
    import h5py

    try:
        file = h5py.File(path, "r")
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise WeightsError(
            f"{path}: not a readable HDF5 file, perhaps cut off; get it again"
        ) from error
    with file:
        try:
            yield _collect(h5py, file)
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from error
        except _DAMAGE as error:
            what = next(iter(str(error).splitlines()), type(error).__name__)
            raise WeightsError(f"{path}: damaged HDF5 file ({what}); get it again") from error


def _collect(h5py: Any, file: Any) -> dict[str, Any]:
    root = _child(h5py, file, "model_weights") if "model_weights" in file else file
    found: dict[str, Any] = {}
    if len(root) > MAX_TENSORS:
        raise WeightsError(f"has {len(root)} layers, more than any network; get the file again")
    for layer in root:
        group = _child(h5py, root, layer)
        if not isinstance(group, h5py.Group):
            continue
        for raw in group.attrs.get("weight_names", ()):
            path = raw.decode() if isinstance(raw, bytes) else str(raw)
            dataset: Any = group
            for part in path.split("/"):
                dataset = _child(h5py, dataset, part)
            *owners, tensor = path.split("/")
            owner = re.sub(r"_\d+$", "", owners[-1]) if owners else layer
            name = f"{owner}/{tensor.split(':')[0]}"
            if len(found) > MAX_TENSORS:
                raise WeightsError("has more tensors than any network; get the file again")
            found[name] = _checked(h5py, dataset, name, duplicate=name in found)
    if sum(dataset.nbytes for dataset in found.values()) > allowed_bytes(file.id.get_filesize()):
        largest = max(found, key=lambda name: int(found[name].nbytes))
        raise WeightsError(
            f"claims to hold far more than it is long, most of it {largest}; get the file again"
        )
    return found


def _child(h5py: Any, group: Any, name: str) -> Any:
    """Return a member that is really inside the file: a link could lead to any other one."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        place = f"{group.name}/{name}".strip("/")
        raise WeightsError(f"{place} is a link, no array; get the file from its publisher")
    return group[name]


def _checked(h5py: Any, dataset: Any, name: str, *, duplicate: bool) -> Any:
    """Return the dataset if it is an ordinary one of numbers, kept in this file."""
    if duplicate:
        raise WeightsError(f"{name} is there twice; get the file from its publisher")
    if (
        not isinstance(dataset, h5py.Dataset)
        or dataset.dtype.kind != "f"
        or dataset.is_virtual
        or dataset.external
    ):
        raise WeightsError(f"{name} is no array of numbers; get the file from its publisher")
    if dataset.chunks is not None and any(
        chunk > max(side, 1) for chunk, side in zip(dataset.chunks, dataset.shape, strict=True)
    ):
        raise WeightsError(f"{name} has chunks larger than itself; get the file again")
    return dataset


def read_shapes(path: Path) -> dict[str, Shape]:
    """Return the shape of every tensor by "layer/tensor" (`conv1/kernel`).

    Raises:
        WeightsError: the file cannot be read.
    """
    with _tensors(path) as tensors:
        return {name: tuple(dataset.shape) for name, dataset in tensors.items()}


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return every tensor by "layer/tensor" (`conv1/kernel`).

    Raises:
        WeightsError: the file cannot be read, or has values that are not finite.
    """
    with _tensors(path) as tensors:
        return {name: finite(dataset[()], name) for name, dataset in tensors.items()}


def load_tensors(network: keras.Model, path: Path) -> None:
    """Set every variable of the network from a file that has exactly these tensors.

    Args:
        network: whose layers are named as in the file.
        path: of the file.

    Raises:
        WeightsError: the file cannot be read, lacks a tensor, has one too many, one of another
            shape, or one with values that are not finite. The network is then as it was.
    """
    variables = {tensor_name(variable): variable for variable in network.variables}
    with _tensors(path) as tensors:
        shapes = {name: tuple(dataset.shape) for name, dataset in tensors.items()}
        match_shapes(shapes, {name: tuple(v.shape) for name, v in variables.items()})
        values = {name: finite(tensors[name][()], name) for name in variables}
    for name, variable in variables.items():
        variable.assign(values[name])
