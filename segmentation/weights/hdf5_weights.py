"""Weights in HDF5 as Keras 2 wrote them, read by layer name and matched exactly.

The format: a group for each layer, whose attribute `weight_names` lists its tensors, kept as
datasets below it (`conv1/conv1/kernel:0`). A whole model keeps these groups under
`model_weights`. A layer that is itself a model lists the tensors of its own layers
(`rpn_model/rpn_class_raw/bias:0`).
"""

from __future__ import annotations

import itertools
import math
import mmap
import os
import re
import struct
import zlib
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
#: In all of a file; Keras writes tensors in one piece
MAX_CHUNKS = 100_000
#: Filters by their number in the format: deflate, shuffle, a checksum of four bytes
_DEFLATE, _FILTERS, _CHECKSUM_BYTES = 1, (1, 2, 3), 4
#: what h5py and Python raise on a file whose bytes contradict each other
DAMAGE = (
    AttributeError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    zlib.error,
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
        what = "no HDF5 file; name another"
        if h5py.is_hdf5(path):
            what = "a damaged HDF5 file, perhaps cut off; get it again"
        raise WeightsError(f"{path}: {what}") from error
    with file:
        try:
            yield _collect(h5py, file)
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from error
        except DAMAGE as error:
            what = next(iter(str(error).splitlines()), type(error).__name__)
            raise WeightsError(f"{path}: damaged HDF5 file ({what}); get it again") from error


def _collect(h5py: Any, file: Any) -> dict[str, Any]:
    root = _child(h5py, file, "model_weights") if "model_weights" in file else file
    found: dict[str, Any] = {}
    looked_up: set[str] = set()
    if len(root) > MAX_TENSORS:
        raise WeightsError(f"has {len(root)} layers, more than any network; get the file again")
    for layer in root:
        group = _child(h5py, root, layer)
        if not isinstance(group, h5py.Group):
            continue
        names = read_attribute(group, "weight_names", looked_up)
        for raw in () if names is None else names:
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
    if sum(map(_num_chunks, found.values())) > MAX_CHUNKS:
        raise WeightsError(f"has more than {MAX_CHUNKS} chunks, no network's; get the file again")
    if sum(dataset.nbytes for dataset in found.values()) > allowed_bytes(file.id.get_filesize()):
        largest = max(found, key=lambda name: int(found[name].nbytes))
        raise WeightsError(
            f"claims to hold far more than it is long, most of it {largest}; get the file again"
        )
    return found


def read_attribute(owner: Any, name: str, looked_up: set[str]) -> Any:
    """Return an attribute of an open file or of a group in it, `None` where there is none.

    Args:
        owner: the file or group.
        name: of the attribute.
        looked_up: names of attributes of the file whose texts fit into it; this one comes to them.

    Raises:
        WeightsError: it claims to be larger than the file.
    """
    if name not in owner.attrs:
        return None
    attribute, file = owner.attrs.get_id(name), owner.file.filename
    num = math.prod(attribute.shape)
    if num > MAX_TENSORS or num * attribute.dtype.itemsize > os.path.getsize(file):
        raise WeightsError(f"its attribute {name} claims to be larger than the file; get it again")
    if attribute.dtype.kind == "O" and name not in looked_up:
        _look_up_texts(Path(file), name)
        looked_up.add(name)
    return owner.attrs[name]


def _look_up_texts(path: Path, name: str) -> None:
    """Raise `WeightsError` where texts of an attribute claim to be longer than the file.

    The library fills as much memory as the length says before it finds that out, and does not tell
    the length: it is looked for in all that the file has of the attribute's name.
    """
    key, total = name.encode() + b"\0", 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at, size = data.find(key), len(data)
        try:
            while at >= 0 and total <= size:
                total += sum(_text_lengths(data, at, len(key)))
                at = data.find(key, at + 1)
        except (IndexError, struct.error) as error:
            raise WeightsError(f"its attribute {name} is damaged; get it again") from error
    if total > size:
        raise WeightsError(f"its attribute {name} claims to be larger than the file; get it again")


def _text_lengths(data: mmap.mmap, at: int, name_size: int) -> list[int]:
    """Return the lengths of the texts of the attribute whose name begins there, if one's does.

    HDF5 File Format Specification, version 3, IV.A.2.m (the message of an attribute).
    """
    for version, begin, step in ((1, at - 8, 8), (2, at - 8, 1), (3, at - 9, 1)):
        if begin < 0 or data[begin] != version:
            continue
        sizes = struct.unpack_from("<HHH", data, begin + 2)
        if sizes[0] != name_size:
            continue
        kind, space, values = (
            at + sum(-(-size // step) * step for size in sizes[: num + 1]) for num in range(3)
        )
        if data[kind] & 15 != 9:  # not of variable length
            return []
        extent = struct.unpack_from(f"<{data[space + 1]}Q", data, space + 4 * (3 - data[space]))
        num = math.prod(extent)
        if num > MAX_TENSORS:
            raise WeightsError("has more tensors than any network; get the file again")
        return [struct.unpack_from("<I", data, values + 16 * index)[0] for index in range(num)]
    return []


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
    _check_chunks(dataset, name)
    return dataset


# === Chunks ===
#
# The library believes what a file says: it looks for each of millions of chunks that are not
# there, and unpacks a few kilobytes into as many gigabytes as they become.


def _num_chunks(dataset: Any) -> int:
    """Return in how many chunks a dataset is kept, 1 of one that is in one piece."""
    if dataset.chunks is None:
        return 1
    sides = zip(dataset.shape, dataset.chunks, strict=True)
    return math.prod(-(-side // chunk) for side, chunk in sides)


def _check_chunks(dataset: Any, name: str) -> None:
    """Look at what a dataset says of its chunks, none of which is read.

    Raises:
        WeightsError: they are larger than itself, or packed as weights are not.
    """
    if dataset.chunks is not None and any(
        chunk > max(side, 1) for chunk, side in zip(dataset.chunks, dataset.shape, strict=True)
    ):
        raise WeightsError(f"{name} has chunks larger than itself; get the file again")
    filters = _filters(dataset)
    if len(set(filters)) < len(filters) or not set(filters) <= set(_FILTERS):
        raise WeightsError(f"{name} is packed in a way that is not read; save it with gzip or none")


def _filters(dataset: Any) -> list[int]:
    plan = dataset.id.get_create_plist()
    return [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]


def _check_unpacked(dataset: Any, name: str) -> None:
    """Unpack a dataset's chunks one at a time, none further than it says that they are large.

    Args:
        dataset: that `_check_chunks` has found good.
        name: of the dataset.

    Raises:
        WeightsError: a chunk is larger than that.
    """
    filters = _filters(dataset)
    if _DEFLATE not in filters or 0 in dataset.shape:
        return
    skipped = 1 << filters.index(_DEFLATE)
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize + _CHECKSUM_BYTES
    ranges = zip(dataset.shape, dataset.chunks, strict=True)
    for place in itertools.product(*(range(0, side, chunk) for side, chunk in ranges)):
        stored = dataset.id.get_chunk_info_by_coord(place)
        if stored.byte_offset is None:  # it is not there: zeros
            continue
        told = f"{name} claims to hold far more than it is long; get the file again"
        if stored.size > 2 * size + 1000:  # what cannot be made smaller grows a little
            raise WeightsError(told)
        mask, packed = dataset.id.read_direct_chunk(place)
        if mask & skipped:
            continue
        unpacking = zlib.decompressobj()
        if len(unpacking.decompress(packed, size + 1)) > size or unpacking.unconsumed_tail:
            raise WeightsError(told)


# === Reading ===


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
        return {name: _values(dataset, name) for name, dataset in tensors.items()}


def _values(dataset: Any, name: str) -> NDArray[np.float32]:
    _check_unpacked(dataset, name)
    return finite(dataset[()], name)


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
        values = {name: _values(tensors[name], name) for name in variables}
    for name, variable in variables.items():
        variable.assign(values[name])
