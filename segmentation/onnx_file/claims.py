"""What an ONNX file claims, looked at before OpenVINO reads it: files may be anybody's.

The format is a message of Protocol Buffers (encoding: protobuf.dev, message: onnx.proto of the ONNX
project). Only what may cost memory, time or another file is read of it; numbers are field numbers.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from segmentation.errors import WeightsError

Bytes = memoryview
_VARINT, _FIXED64, _TEXT, _FIXED32 = 0, 1, 2, 5
#: domains of operations that are ONNX's own or that OpenVINO has of its own
KNOWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "org.openvinotoolkit")
#: operations that may go on for ever
LOOPS = ("Loop", "Scan")
MAX_DEPTH = 8
#: of operations; the largest networks for mattes have some thousands
MAX_NODES = 20_000
#: bytes that a network of any size may take, beside ten times its own
SPARE_BYTES = 250_000_000
#: bits of a value of each of ONNX's types of tensors that can be computed with
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64}
_BITS |= {16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4}


@dataclass
class Claims:
    """What a file consists of.

    Attributes:
        path: of the file.
        num_bytes: of the file and of those beside it that hold its tensors.
        external: those, by name, with their sizes.
        num_nodes: operations met so far.
    """

    path: Path
    num_bytes: int
    external: dict[str, int] = field(default_factory=dict)
    num_nodes: int = 0

    @property
    def most_bytes(self) -> int:
        """Memory that reading it, or what lies between its layers, may take."""
        return 10 * self.num_bytes + SPARE_BYTES

    def refuse(self, why: str) -> WeightsError:
        """Return the error that tells why the file is not taken."""
        return WeightsError(f"{self.path}: {why}")


def read_claims(path: Path) -> Claims:
    """Look through a file.

    Raises:
        WeightsError: it is no ONNX file, cut off, or asks for what is not given to files.
    """
    try:
        with open(path, "rb") as file:
            num_bytes = path.stat().st_size
            if not num_bytes:
                raise WeightsError(f"{path}: is empty; download it again")
            # closed with the last view of it, errors hold some
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        claims = Claims(path, num_bytes)
        _look_at_model(memoryview(data), claims)
        return claims
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from error


def _look_at_model(data: Bytes, claims: Claims) -> None:
    try:
        parts = list(_fields(data))
        graphs = [value for number, value in parts if number == 7 and not isinstance(value, int)]
        # a version of the format, one of the operations, and what is computed
        if len(graphs) != 1 or not {1, 8} <= {number for number, _ in parts}:
            raise ValueError("no model")
        if any(number == 25 for number, _ in parts):
            raise claims.refuse("has functions of its own; export it without (onnx.inliner)")
        _look_at_graph(graphs[0], claims, 0)
    except ValueError as error:
        told = "no ONNX file, or cut off; download it again"
        raise claims.refuse(told) from error


def _look_at_graph(data: Bytes, claims: Claims, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise claims.refuse(f"has graphs within graphs, more than {MAX_DEPTH} deep")
    for number, value in _messages(data):
        if number == 1:
            _look_at_node(value, claims, depth)
        elif number == 5:
            _look_at_tensor(value, claims)
        elif number == 15:
            raise claims.refuse("has sparse tensors, which are not read")


def _look_at_node(data: Bytes, claims: Claims, depth: int) -> None:
    claims.num_nodes += 1
    if claims.num_nodes > MAX_NODES:
        raise claims.refuse(f"has more than {MAX_NODES:,} operations")
    operation, domain, attributes = "", "", []
    for number, value in _messages(data):
        if number == 4:
            operation = _text(value)
        elif number == 7:
            domain = _text(value)
        elif number == 5:
            attributes.append(value)
    if domain not in KNOWN_DOMAINS:
        raise claims.refuse(f"needs {domain}.{operation}, which is no operation of ONNX")
    if operation in LOOPS:
        raise claims.refuse(f"has loops ({operation}); networks of one image do without")
    for attribute in attributes:
        for number, value in _messages(attribute):
            if number in (5, 10):
                _look_at_tensor(value, claims)
            elif number in (6, 11):
                _look_at_graph(value, claims, depth + 1)
            elif number in (22, 23):
                raise claims.refuse("has sparse tensors, which are not read")


def _look_at_tensor(data: Bytes, claims: Claims) -> None:
    """Refuse a tensor that claims more values than there are."""
    num, kind, stored, name, elsewhere = 1, 0, 0, "", {}
    is_raw = False
    for number, value in _fields(data):
        if number == 1:
            for side in [value] if isinstance(value, int) else _varints(value):
                num *= side  # a negative side is one of 2**64 - n
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 13 and not isinstance(value, int):
            entry = {key: _text(text) for key, text in _messages(value)}
            elsewhere[entry.get(1, "")] = entry.get(2, "")
        elif number == 8 and not isinstance(value, int):
            name = _text(value)
        elif number in (4, 5, 6, 7, 9, 10, 11):
            is_raw |= number == 9
            # a value of its own, or many in a row, of a byte at least each
            stored += 8 if isinstance(value, int) else len(value)
    if elsewhere:
        stored, is_raw = _look_beside(elsewhere, claims), True
    if kind != 8 and kind not in _BITS:
        raise claims.refuse(f"has a tensor ({name[:80]}) of a type that is not known")
    needed = num * _BITS[kind] // 8 if is_raw and kind != 8 else num * _BITS.get(kind, 8) // 64
    if needed > stored:
        raise claims.refuse(f"claims {num:,} values for a tensor that has {stored:,} bytes of them")


def _look_beside(entries: dict[str, str], claims: Claims) -> int:
    """Return how many bytes a file beside this one has for a tensor."""
    name = entries.get("location", "")
    if not name or Path(name).name != name or "\\" in name:
        raise claims.refuse(f"its tensors are in {name!r}; only files beside it are read")
    beside = claims.path.parent / name
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", -1))
        size = claims.external.get(name) or beside.stat().st_size
    except OSError as error:
        told = f"its tensors are in {name}, which must lie beside it"
        raise claims.refuse(f"{told}: {error.strerror}") from error
    if name not in claims.external:
        claims.external[name] = size
        claims.num_bytes += size
    length = size - offset if length < 0 else length
    if offset < 0 or length < 0 or offset + length > size:
        raise claims.refuse(f"{name} beside it is cut off, or of another network")
    return length


def _messages(data: Bytes) -> Iterator[tuple[int, Bytes]]:
    """Return the fields that are texts, or messages themselves."""
    for number, value in _fields(data):
        if not isinstance(value, int):
            yield number, value


def _fields(data: Bytes) -> Iterator[tuple[int, int | Bytes]]:
    """Return number and value of each field of a message: what is text or a message as it is.

    Raises:
        ValueError: it is no message, or cut off.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if not number:
            raise ValueError("no number")
        value: int | Bytes = 0
        if kind == _VARINT:
            value, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        elif kind == _TEXT:
            length, at = _varint(data, at)
            value = data[at : at + length]
            at += length
        else:
            raise ValueError("no type")
        if at > end:
            raise ValueError("cut off")
        yield number, value


def _varints(data: Bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _varint(data: Bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("no whole number")
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _text(data: Bytes) -> str:
    return bytes(data).decode("utf-8", "replace")
