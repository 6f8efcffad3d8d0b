"""Files as `torch.save` writes them, made without PyTorch."""

from __future__ import annotations

import collections
import io
import pickle
import struct
import zipfile
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np


def _rebuild_tensor() -> None:
    """Stand for PyTorch's function."""


class _FloatStorage:
    """Stands for PyTorch's class."""


class _LongStorage:
    """Stands for PyTorch's class."""


KINDS: dict[str, type] = {"float32": _FloatStorage, "int64": _LongStorage}
NAMES: dict[Any, str] = {
    _FloatStorage: "torch\nFloatStorage",
    _LongStorage: "torch\nLongStorage",
    _rebuild_tensor: "torch._utils\n_rebuild_tensor_v2",
}
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001  # of the form before the archive
SYSTEM = {"protocol_version": VERSION, "little_endian": True, "type_sizes": {}}


class _Storage(NamedTuple):
    key: str
    values: np.ndarray


class _Writer(pickle._Pickler):  # the one in Python: it can name what is not installed
    def __init__(self, file: io.BytesIO, more: tuple[Any, ...]) -> None:
        super().__init__(file, 2)
        self.storages: list[_Storage] = []
        self._more = more

    def persistent_id(self, thing: object) -> object:
        if not isinstance(thing, _Storage):
            return None
        kind, num = KINDS[thing.values.dtype.name], thing.values.size
        return ("storage", kind, thing.key, "cpu", num, *self._more)

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, type | FunctionType) and thing in NAMES:
            return NAMES[thing]
        if not isinstance(thing, np.ndarray):
            return NotImplemented
        values = np.asarray(thing, order="C")
        self.storages.append(_Storage(str(len(self.storages)), values))
        strides = tuple(step // values.itemsize for step in values.strides)
        rest = (0, thing.shape, strides, False, collections.OrderedDict())
        return _rebuild_tensor, (self.storages[-1], *rest)

    def save_global(self, thing: object, name: str | None = None) -> None:
        if name in NAMES.values():
            self.write(f"c{name}\n".encode())
        else:
            super().save_global(thing, name)


def write_torch_file(saved: dict[str, Any], path: Path, *, zip_form: bool) -> Path:
    """Write arrays as tensors, float32 or int64, in dicts; as an archive, or in the older form."""
    stream = io.BytesIO()
    writer = _Writer(stream, () if zip_form else (None,))
    writer.dump(saved)
    if zip_form:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{path.stem}/data.pkl", stream.getvalue())
            for key, values in writer.storages:
                archive.writestr(f"{path.stem}/data/{key}", values.tobytes())
        return path
    with path.open("wb") as file:
        for head in (MAGIC, VERSION, SYSTEM):
            file.write(pickle.dumps(head, 2))
        file.write(stream.getvalue())
        file.write(pickle.dumps([storage.key for storage in writer.storages], 2))
        for storage in writer.storages:
            file.write(struct.pack("<q", storage.values.size) + storage.values.tobytes())
    return path
