"""Files of PyTorch that repeat one instruction, or a few, as often as they are long.

Each is a program for the machine of `segmentation.weights.restricted_pickle` that makes it do
something slow, or make something large, with few bytes: calls of every kind that it knows, keys
that take long, objects of all kinds. `fuzz_files --bombs` reads them.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

_MAGIC_NUMBER, _FORMAT_VERSION = 0x1950A86A20F9469CFC6C, 1001


def _name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _kept(place: int) -> bytes:
    """Remember what is on top, and take it off."""
    return b"q" + bytes([place]) + b"0"


def _again(*places: int) -> bytes:
    return b"".join(b"h" + bytes([place]) for place in places)


_STORAGE = (
    b"(" + _text("storage") + _name("torch", "FloatStorage") + _text("0") + _text("cpu") + b"K\1t"
)
_TENSOR = (
    _name("torch._utils", "_rebuild_tensor_v2")
    + _kept(0)
    + (_STORAGE + b"Q" + _kept(1))
    + (b"(" + _again(1) + b"K\0))\x89Nt" + _kept(2))
)
_DTYPE = _name("numpy", "dtype") + _text("f4") + b"\x85R" + _kept(1)
_NUMPY = "numpy.core.multiarray"
_KEYS = b"".join(_text(f"key {number}") for number in range(16))

#: name -> what comes first, and what is repeated
UNITS = {
    "nothing": (b"", b"N0"),
    "arrays": (
        _name(_NUMPY, "_reconstruct")
        + _kept(0)
        + _DTYPE
        + (b"(K\1K\1\x85" + _again(1) + b"\x89" + _text("abcd") + b"t" + _kept(2)),
        _again(0) + b")R" + _again(2) + b"b0",
    ),
    "buffers": (
        _name("numpy.core.numeric", "_frombuffer")
        + _kept(0)
        + _DTYPE
        + (b"(" + _text("abcd") + _again(1) + b"K\1\x85" + _text("C") + b"t" + _kept(2)),
        _again(0, 2) + b"R0",
    ),
    "scalars": (
        _name(_NUMPY, "scalar")
        + _kept(0)
        + _DTYPE
        + (b"(" + _again(1) + _text("abcd") + b"t" + _kept(2)),
        _again(0, 2) + b"R0",
    ),
    "tensors": (_TENSOR, _again(0, 2) + b"R0"),
    "tensors kept": (_TENSOR, _again(0, 2) + b"R"),
    "storages": (_STORAGE + _kept(1), _again(1) + b"Q0"),
    "dicts": (_name("collections", "OrderedDict") + _kept(0), _again(0) + b")R0"),
    "states": (_DTYPE + _again(1) + b"(K\3" + _text("<") + b"t" + _kept(2), _again(2) + b"b"),
    "sets": (b"", b"(\x910"),
    "keys": (b"(" + _KEYS + b"t" + _kept(0) + b"}", _again(0) + b"Ns"),
    "names": (b"", _name("a", "b") + b"0"),
    "lists": (b"", b"]"),
    "remembered": (b"N", b"\x94"),
    "digits": (b"", b"L" + b"9" * 4000 + b"L\n0"),
}


def write_bombs(folder: Path, num_bytes: int) -> Iterator[Path]:
    """Write each bomb in both forms of PyTorch's files, of about that size."""
    for name, (first, unit) in UNITS.items():
        # in the end a dict, and so nothing is wrong but the size
        program = b"\x80\2" + _STORAGE + b"Q0" + first + unit * (num_bytes // len(unit)) + b"}."
        for form, data in (("zip", _zipped(program)), ("old", _old(program))):
            path = folder / f"{name}-{form}" / "bomb.pth"
            path.parent.mkdir(parents=True)
            path.write_bytes(data)
            yield path


def _zipped(program: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a/data.pkl", program)
        file.writestr("a/data/0", bytes(4))
    return buffer.getvalue()


def _old(program: bytes) -> bytes:
    heads = (_MAGIC_NUMBER, _FORMAT_VERSION, {"little_endian": True})
    begin = b"".join(pickle.dumps(head, 2) for head in heads)
    return begin + program + pickle.dumps(["0"], 2) + struct.pack("<Q", 1) + bytes(4)
