"""Instructions of Python's pickle format: their values, and what they cost.

They are documented in CPython's `pickletools`.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable

from segmentation.errors import WeightsError


class PickleReader:
    """Takes bytes off the data and never more than there are."""

    def __init__(self, data: bytes | mmap.mmap, start: int) -> None:
        self.data = data
        self.position = start

    def take(self, num: int) -> bytes:
        """Return the next bytes."""
        end = self.position + num
        if num < 0 or end > len(self.data):
            raise WeightsError("it ends too early")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def line(self) -> bytes:
        """Return what comes up to the end of a line."""
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise WeightsError("it ends too early")
        return self.take(end + 1 - self.position)[:-1]

    def unsigned(self, num: int) -> int:
        """Return a number of so many bytes."""
        return int.from_bytes(self.take(num), "little")

    def signed(self, num: int) -> int:
        """Return a number of so many bytes, perhaps negative."""
        return int.from_bytes(self.take(num), "little", signed=True)

    def counted(self, size_of_count: int) -> bytes:
        """Return bytes whose number stands before them."""
        return self.take(self.unsigned(size_of_count))

    def text(self, size_of_count: int) -> str:
        """Return a string."""
        return str(self.counted(size_of_count), "utf-8", "surrogatepass")

    def old_text(self, size_of_count: int) -> str:
        """Return a string of Python 2, which may as well be bytes: each as one character."""
        return self.counted(size_of_count).decode("latin-1")

    def old_integer(self) -> int | bool:
        """Return a number written in digits, or a truth value."""
        line = self.line()
        return line == b"01" if line in (b"00", b"01") else int(line)

    def double(self) -> float:
        """Return a number with a fraction."""
        value: float = struct.unpack(">d", self.take(8))[0]
        return value


#: opcodes that push a value which stands behind them
VALUES: dict[int, Callable[[PickleReader], object]] = {
    0x4E: lambda _: None,  # NONE
    0x88: lambda _: True,  # NEWTRUE
    0x89: lambda _: False,  # NEWFALSE
    0x5D: lambda _: [],  # EMPTY_LIST
    0x29: lambda _: (),  # EMPTY_TUPLE
    0x7D: lambda _: {},  # EMPTY_DICT
    0x8F: lambda _: set(),  # EMPTY_SET
    0x49: PickleReader.old_integer,  # INT
    0x4A: lambda reader: reader.signed(4),  # BININT
    0x4B: lambda reader: reader.unsigned(1),  # BININT1
    0x4D: lambda reader: reader.unsigned(2),  # BININT2
    0x4C: lambda reader: int(reader.line().rstrip(b"L")),  # LONG
    0x8A: lambda reader: reader.signed(reader.unsigned(1)),  # LONG1
    0x8B: lambda reader: reader.signed(reader.signed(4)),  # LONG4
    0x46: lambda reader: float(reader.line()),  # FLOAT
    0x47: PickleReader.double,  # BINFLOAT
    0x53: lambda reader: reader.line()[1:-1].decode("latin-1"),  # STRING
    0x54: lambda reader: reader.old_text(4),  # BINSTRING
    0x55: lambda reader: reader.old_text(1),  # SHORT_BINSTRING
    0x56: lambda reader: reader.line().decode("raw-unicode-escape"),  # UNICODE
    0x58: lambda reader: reader.text(4),  # BINUNICODE
    0x8C: lambda reader: reader.text(1),  # SHORT_BINUNICODE
    0x8D: lambda reader: reader.text(8),  # BINUNICODE8
    0x42: lambda reader: reader.counted(4),  # BINBYTES
    0x43: lambda reader: reader.counted(1),  # SHORT_BINBYTES
    0x8E: lambda reader: reader.counted(8),  # BINBYTES8
    0x96: lambda reader: reader.counted(8),  # BYTEARRAY8
}

#: opcodes that store the topmost value, or push a stored one, and how they say which
PUTS: dict[int, Callable[[PickleReader], int]] = {
    0x70: lambda reader: int(reader.line()),  # PUT
    0x71: lambda reader: reader.unsigned(1),  # BINPUT
    0x72: lambda reader: reader.unsigned(4),  # LONG_BINPUT
}
GETS: dict[int, Callable[[PickleReader], int]] = {
    0x67: lambda reader: int(reader.line()),  # GET
    0x68: lambda reader: reader.unsigned(1),  # BINGET
    0x6A: lambda reader: reader.unsigned(4),  # LONG_BINGET
}

#: PROTO and FRAME, and the bytes behind them, which say nothing that is needed
SKIPPED = {0x80: 1, 0x95: 8}
#: TUPLE1 to TUPLE3
TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}
#: EXT1, EXT2, EXT4: numbers of a registry that a file cannot carry
EXTENSIONS = {0x82: 1, 0x83: 2, 0x84: 4}
STOP = 0x2E

#: Bytes that Python takes for what an instruction makes, its text or numbers not counted
COSTS = [48] * 256
for _code, _cost in {
    0x5D: 80,  # EMPTY_LIST
    0x7D: 80,  # EMPTY_DICT
    0x8F: 240,  # EMPTY_SET
    0x91: 240,  # FROZENSET
    0x64: 80,  # DICT
    0x6C: 80,  # LIST
    **dict.fromkeys((0x70, 0x71, 0x72, 0x94), 160),  # what stores
    **dict.fromkeys((0x63, 0x93, 0x69, 0x52, 0x81, 0x92, 0x6F, 0x50, 0x51), 250),  # what calls
    **dict.fromkeys((0x74, 0x85, 0x86, 0x87), 80),  # tuples
}.items():
    COSTS[_code] = _cost
#: for each item of a dict or set
ITEM_COST = 110
