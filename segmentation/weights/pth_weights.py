"""PyTorch's .pth files read without PyTorch and without executing anything in them.

Two forms exist, both described by `torch/serialization.py`:

- since PyTorch 1.6 a zip archive of uncompressed members: `NAME/data.pkl`, a pickle of the
  saved object, and `NAME/data/KEY`, the bytes of each storage;
- before that, five pickles in a row (a magic number, the version of the format, the machine's
  properties, the saved object, the keys of the storages), then for each storage the number of its
  values as int64 and the values.

A tensor in the pickle is a view of a storage: offset, shape and strides; several may share one.
Here it is a view of the file itself, mapped into memory, so that values nobody looks at are never
read.
"""

from __future__ import annotations

import mmap
import re
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import WeightsError
from segmentation.weights.npz_arrays import check_directory
from segmentation.weights.restricted_pickle import Placeholder, Rules, as_key, read_pickle

_ZIP_SIGNATURE = b"PK\x03\x04"
_PICKLE_SIGNATURE = b"\x80"
_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_FORMAT_VERSION = 1001

#: class of a storage -> type of its values; bfloat16 is the upper half of a float32
_STORAGE_TYPES = {
    "torch.FloatStorage": "<f4",
    "torch.DoubleStorage": "<f8",
    "torch.HalfStorage": "<f2",
    "torch.BFloat16Storage": "<u2",
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ShortStorage": "<i2",
    "torch.CharStorage": "|i1",
    "torch.ByteStorage": "|u1",
    "torch.BoolStorage": "|b1",
    "torch.ComplexFloatStorage": "<c8",
    "torch.ComplexDoubleStorage": "<c16",
}

#: what Python and numpy raise on bytes that contradict each other
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)


def read_pth(path: Path) -> dict[Any, Any]:
    """Return what `torch.save` wrote: a dict, often of tensors, often nested.

    Tensors and numpy arrays are read-only arrays of their own type, bfloat16 as float32; a
    tensor may have any strides, and the file must stay as it is while it is in use. Dicts of all
    kinds, lists, tuples, sets, numbers, strings and bytes are Python's. Whatever else the file
    names (optimizers, schedulers, configurations, tensors of rare types) is a `Placeholder` and
    does no harm.

    Raises:
        WeightsError: the file is not there, cut off, or not of this format; one line.
    """
    with _one_line(path):
        with open(path, "rb") as file:
            begins = file.read(len(_ZIP_SIGNATURE))
            if begins != _ZIP_SIGNATURE and not begins.startswith(_PICKLE_SIGNATURE):
                raise WeightsError("no file of PyTorch by its first bytes; get it again")
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        saved = _read_zip(path, data) if begins == _ZIP_SIGNATURE else _read_old(data)
        if not isinstance(saved, dict):
            what = saved.name if isinstance(saved, Placeholder) else type(saved).__name__
            raise WeightsError(f"holds a {what}, no dict of tensors; give a file of weights")
        return saved


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong into a `WeightsError` that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file; check the path") from error
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from error
    except _DAMAGE as error:
        what = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise WeightsError(f"{path}: damaged file of PyTorch ({what}); get it again") from error


# === The two forms ===


def _read_zip(path: Path, data: mmap.mmap) -> object:
    with open(path, "rb") as file:
        check_directory(file, len(data))
    with zipfile.ZipFile(path) as archive:
        members = {member.filename: member for member in archive.infolist()}
        if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
            raise WeightsError("a compressed archive, not one of PyTorch; get it again")
        if sum(member.file_size for member in members.values()) > len(data):
            raise WeightsError("its parts claim to be longer than the file; get it again")
        pickles = [name for name in members if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise WeightsError("an archive without one data.pkl, not of PyTorch; get it again")
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}constants.pkl" in members:
            raise WeightsError("a TorchScript program, no dict of tensors; get the plain weights")
        order = archive.read(f"{root}byteorder") if f"{root}byteorder" in members else b"little"
        if order != b"little":
            raise WeightsError("written on a big-endian machine; save it on another one")
        pickled = archive.read(pickles[0])
    storages = _Storages(data, lambda key: _member_place(data, members[f"{root}data/{key}"]))
    return read_pickle(pickled, 0, _rules(storages.find))[0]


def _member_place(data: mmap.mmap, member: zipfile.ZipInfo) -> tuple[int, int]:
    """Return begin and end of a member's bytes, behind its header (APPNOTE.TXT, section 4.3.7)."""
    lengths = struct.unpack_from("<26xHH", data, member.header_offset)
    begin = member.header_offset + 30 + sum(lengths)
    return begin, begin + member.file_size


def _read_old(data: mmap.mmap) -> object:
    heads = []
    position = 0
    for _ in range(3):
        value, position = read_pickle(data, position, _rules(lambda _: None))
        heads.append(value)
    if heads[:2] != [_MAGIC_NUMBER, _FORMAT_VERSION]:
        raise WeightsError("a pickle, but not one that torch.save wrote; get it again")
    machine = heads[2]
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise WeightsError("written on a big-endian machine; save it on another one")
    # The values lie behind the pickle whose tensors view them, so it is read twice.
    sizes: dict[str, int] = {}
    start = position
    position = read_pickle(data, start, Rules(lambda id_: _note_size(sizes, id_), {}))[1]
    places = _places(data, position, sizes)
    storages = _Storages(data, places.__getitem__)
    return read_pickle(data, start, _rules(storages.find))[0]


def _note_size(sizes: dict[str, int], persistent_id: Any) -> None:
    """Note how many bytes a value takes in the storage that `persistent_id` names."""
    if _names_storage(persistent_id):
        dtype = _STORAGE_TYPES.get(persistent_id[1].name)
        if dtype is None:
            raise WeightsError(f"has values of an unknown type, {persistent_id[1].name}")
        sizes[persistent_id[2]] = np.dtype(dtype).itemsize


def _places(data: mmap.mmap, position: int, sizes: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Return begin and end of the values of each storage, which begin at `position`."""
    keys, position = read_pickle(data, position, _rules(lambda _: None))
    if not isinstance(keys, list):
        raise WeightsError("damaged: the list of its storages is missing; get it again")
    places = {}
    for key in keys:
        num_values = int.from_bytes(data[position : position + 8], "little")
        begin = position + 8
        position = begin + num_values * sizes[key]
        if position > len(data):
            raise WeightsError("cut off; get it again")
        places[key] = (begin, position)
    return places


# === Tensors ===


def _names_storage(persistent_id: Any) -> bool:
    return (
        isinstance(persistent_id, tuple)
        and len(persistent_id) in (5, 6)
        and persistent_id[0] == "storage"
        and isinstance(persistent_id[1], Placeholder)
        and isinstance(persistent_id[2], str)
    )


class _Storages:
    """The storages of a file.

    Args:
        data: of the file.
        place: returns where the bytes of a storage begin and end, by its key.
    """

    def __init__(self, data: mmap.mmap, place: Callable[[str], tuple[int, int]]) -> None:
        self._data = data
        self._place = place
        self._values: dict[str, NDArray[Any]] = {}

    def find(self, persistent_id: Any) -> object:
        """Return the values of a storage, 1-D; a placeholder where their type is not known.

        Args:
            persistent_id: "storage", class, key, device, number of values, and in the older form
                `None` or the key, offset and length of a part of it.
        """
        if not _names_storage(persistent_id):
            return Placeholder("object outside the pickle")
        _, kind, key, _, num_values, *part = persistent_id
        if kind.name not in _STORAGE_TYPES:
            return Placeholder(kind.name)
        if key not in self._values:
            self._values[key] = _storage_values(self._data, *self._place(key), kind.name)
        values = self._values[key]
        if len(values) != num_values:
            raise WeightsError(
                f"storage {key} has {len(values)} values, not {num_values}; get the file again"
            )
        if part and part[0] is not None:
            _, offset, length = part[0]
            _check_counts((offset, length))
            values = values[offset : offset + length]
        return values


def _storage_values(data: mmap.mmap, begin: int, end: int, kind: str) -> NDArray[Any]:
    dtype = np.dtype(_STORAGE_TYPES[kind])
    values: NDArray[Any] = np.ndarray(((end - begin) // dtype.itemsize,), dtype, data, begin)
    if kind == "torch.BFloat16Storage":
        values = (values.astype(np.uint32) << 16).view(np.float32)
        values.flags.writeable = False
    return values


def _check_counts(values: Any) -> None:
    if not all(isinstance(value, int) and value >= 0 for value in values):
        raise WeightsError("a tensor with a negative size, or none; get the file again")


def _tensor(
    storage: object, offset: int, shape: Sequence[int], strides: Sequence[int], *_: object
) -> object:
    """Return a tensor as a view; numpy refuses one that reaches beyond its storage."""
    if not isinstance(storage, np.ndarray):
        return Placeholder("torch.Tensor")
    _check_counts((offset, *shape, *strides))
    size = storage.itemsize
    return np.ndarray(
        tuple(shape),
        storage.dtype,
        storage,
        offset=offset * size,
        strides=tuple(stride * size for stride in strides),
    )


def _parameter(tensor: object, *_: object) -> object:
    return tensor


# === numpy ===


class _ArrayType:
    """A numpy dtype under construction: `code` as numpy writes it ("f4"), and the byte order."""

    def __init__(self, code: object, *_: object) -> None:
        self.code = code
        self.order = "="

    def dtype(self) -> np.dtype[Any] | None:
        """Return the type; `None` where it is not one of numbers."""
        plain = isinstance(self.code, str) and re.fullmatch("b1|[iu][1248]|f[248]", self.code)
        return np.dtype(f"{self.order}{self.code}") if plain else None


def _unfilled_array(*_: object) -> NDArray[Any]:
    """Return an array for `_set_state` to fill; one that stays as it is holds no numbers."""
    return np.empty(0, object)


def _set_state(target: object, state: Any) -> None:
    if isinstance(target, _ArrayType):
        if state[1] not in ("<", ">", "|", "="):
            raise WeightsError("an array with an unknown order of bytes; get the file again")
        target.order = state[1]
    elif isinstance(target, np.ndarray) and target.dtype == object:
        _, shape, kind, column_order, values = state
        dtype = kind.dtype() if isinstance(kind, _ArrayType) else None
        if dtype is None:
            return
        _check_counts(shape)
        # numpy copies the bytes, or refuses where they are not as many as the shape says
        filling: Any = (1, tuple(shape), dtype, bool(column_order), _as_bytes(values))
        target.__setstate__(filling)
        target.flags.writeable = False


def _array_of_buffer(values: object, kind: object, shape: Sequence[int], order: str) -> object:
    dtype = kind.dtype() if isinstance(kind, _ArrayType) else None
    if dtype is None:
        return Placeholder("numpy.ndarray")
    _check_counts(shape)
    flat = np.frombuffer(_as_bytes(values), dtype)
    return flat.reshape(tuple(shape), order="F" if order == "F" else "C")


def _scalar(kind: object, values: object = b"") -> object:
    dtype = kind.dtype() if isinstance(kind, _ArrayType) else None
    if dtype is None:
        return Placeholder("numpy.generic")
    return np.frombuffer(_as_bytes(values), dtype, 1)[0]


# === Plain containers ===


def _as_bytes(values: object = b"", *_: object) -> bytes:
    """Return bytes that may come as a string, as protocol 2 has no bytes of its own."""
    if isinstance(values, bytes):
        return values
    if isinstance(values, str):
        return values.encode("latin-1")
    raise WeightsError(f"bytes made of a {type(values).__name__}; get the file again")


def _as_dict(pairs: object = (), *_: object) -> dict[Any, Any]:
    items = pairs if isinstance(pairs, list | tuple) else ()
    return {as_key(key): value for key, value in items}


def _as_set(items: object = (), *_: object) -> set[Any]:
    if not isinstance(items, list | tuple):
        raise WeightsError(f"a set made of a {type(items).__name__}; get the file again")
    return set(map(as_key, items))


def _as_tuple(items: object = (), *_: object) -> tuple[Any, ...]:
    if not isinstance(items, list | tuple):
        raise WeightsError(f"a size made of a {type(items).__name__}; get the file again")
    return tuple(items)


def _empty_dict(*_: object) -> dict[Any, Any]:
    return {}


#: the names are those of Python 2 and 3, and of numpy before and since 2.0
_KNOWN: dict[str, Callable[..., object]] = {
    "__builtin__.bytearray": _as_bytes,
    "__builtin__.bytes": _as_bytes,
    "__builtin__.frozenset": _as_set,
    "__builtin__.set": _as_set,
    "_codecs.encode": _as_bytes,
    "builtins.bytearray": _as_bytes,
    "builtins.bytes": _as_bytes,
    "builtins.frozenset": _as_set,
    "builtins.set": _as_set,
    "collections.OrderedDict": _as_dict,
    "collections.defaultdict": _empty_dict,
    "numpy._core.multiarray._reconstruct": _unfilled_array,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy._core.numeric._frombuffer": _array_of_buffer,
    "numpy.core.multiarray._reconstruct": _unfilled_array,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _array_of_buffer,
    "numpy.dtype": _ArrayType,
    "torch.Size": _as_tuple,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
}


def _rules(persistent: Callable[[Any], object]) -> Rules:
    return Rules(persistent, _KNOWN, _set_state)
