"""Python's pickle format, read without running anything that a file names.

The format is a program for a machine with a stack (the opcodes are documented in CPython's
`pickletools`). Two things make it dangerous: it can call any function by name, and it can ask for
more memory than the file is long. Here it calls only functions that the caller hands in, every
other name becomes a `Placeholder`, and nothing is allocated that the bytes read do not account for.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from segmentation.errors import WeightsError

#: what may be a key of a dict or a member of a set; tuples of these may too
_SCALARS = (str, bytes, int, float, bool, type(None))
#: how often what a file holds may go through functions; an array does twice, as text and as bytes
MAX_COPIES = 4


class Placeholder:
    """Stands for something that a file names and that is not rebuilt; does nothing.

    Attributes:
        name: module and name, such as "torch.optim.lr_scheduler.MultiStepLR".
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class _Known(Placeholder):
    """A name that the caller knows how to build."""

    __slots__ = ("make",)

    def __init__(self, name: str, make: Callable[..., object]) -> None:
        super().__init__(name)
        self.make = make


def _ignore(target: object, state: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """What a pickle may do.

    Attributes:
        persistent: gets the id of an object kept outside the pickle, returns the object.
        known: module and name -> function that builds the object from whatever arguments the
            file gives, which it must check itself.
        set_state: gets an object and the state to be set on it; not called for placeholders.
    """

    persistent: Callable[[object], object]
    known: Mapping[str, Callable[..., object]]
    set_state: Callable[[object, object], None] = _ignore


def read_pickle(data: bytes | mmap.mmap, start: int, rules: Rules) -> tuple[object, int]:
    """Read one pickle of any protocol.

    Args:
        data: holds it.
        start: where in `data` it begins.
        rules: what it may do.

    Returns:
        The object, made of dicts, lists, tuples, sets, numbers, strings, bytes, what `rules` built,
        and placeholders; and where in `data` the pickle ends.

    Raises:
        WeightsError: it is cut off or no pickle.
    """
    machine = _Machine(data, start, rules)
    return machine.run(), machine.position


def as_key(value: object) -> Any:
    """Return a value that may be the key of a dict or in a set; what may not, as a placeholder.

    Arrays may not. Neither may tuples of more than scalars: deep ones could crash Python.
    """
    members = value if isinstance(value, tuple) else (value,)
    if all(isinstance(member, (*_SCALARS, Placeholder)) for member in members):
        return value
    return Placeholder(f"key that is a {type(value).__name__}")


class _Reader:
    """Takes bytes off the data and never more than there are."""

    def __init__(self, data: bytes | mmap.mmap, start: int) -> None:
        self.data = data
        self.position = start

    def take(self, num: int) -> bytes:
        end = self.position + num
        if num < 0 or end > len(self.data):
            raise WeightsError("it ends too early")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def line(self) -> bytes:
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise WeightsError("it ends too early")
        return self.take(end + 1 - self.position)[:-1]

    def unsigned(self, num: int) -> int:
        return int.from_bytes(self.take(num), "little")

    def signed(self, num: int) -> int:
        return int.from_bytes(self.take(num), "little", signed=True)

    def counted(self, size_of_count: int) -> bytes:
        return self.take(self.unsigned(size_of_count))

    def text(self, size_of_count: int) -> str:
        return str(self.counted(size_of_count), "utf-8", "surrogatepass")

    def old_text(self, size_of_count: int) -> str:
        """Return a string of Python 2, which may as well be bytes: each as one character."""
        return self.counted(size_of_count).decode("latin-1")

    def old_integer(self) -> int | bool:
        line = self.line()
        return line == b"01" if line in (b"00", b"01") else int(line)

    def double(self) -> float:
        value: float = struct.unpack(">d", self.take(8))[0]
        return value


#: opcodes that push a value which stands behind them
_VALUES: dict[int, Callable[[_Reader], object]] = {
    0x4E: lambda _: None,  # NONE
    0x88: lambda _: True,  # NEWTRUE
    0x89: lambda _: False,  # NEWFALSE
    0x5D: lambda _: [],  # EMPTY_LIST
    0x29: lambda _: (),  # EMPTY_TUPLE
    0x7D: lambda _: {},  # EMPTY_DICT
    0x8F: lambda _: set(),  # EMPTY_SET
    0x49: _Reader.old_integer,  # INT
    0x4A: lambda reader: reader.signed(4),  # BININT
    0x4B: lambda reader: reader.unsigned(1),  # BININT1
    0x4D: lambda reader: reader.unsigned(2),  # BININT2
    0x4C: lambda reader: int(reader.line().rstrip(b"L")),  # LONG
    0x8A: lambda reader: reader.signed(reader.unsigned(1)),  # LONG1
    0x8B: lambda reader: reader.signed(reader.signed(4)),  # LONG4
    0x46: lambda reader: float(reader.line()),  # FLOAT
    0x47: _Reader.double,  # BINFLOAT
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
_PUTS: dict[int, Callable[[_Reader], int]] = {
    0x70: lambda reader: int(reader.line()),  # PUT
    0x71: lambda reader: reader.unsigned(1),  # BINPUT
    0x72: lambda reader: reader.unsigned(4),  # LONG_BINPUT
}
_GETS: dict[int, Callable[[_Reader], int]] = {
    0x67: lambda reader: int(reader.line()),  # GET
    0x68: lambda reader: reader.unsigned(1),  # BINGET
    0x6A: lambda reader: reader.unsigned(4),  # LONG_BINGET
}

#: PROTO and FRAME, and the bytes behind them, which say nothing that is needed
_SKIPPED = {0x80: 1, 0x95: 8}
#: TUPLE1 to TUPLE3
_TUPLES = {0x85: 1, 0x86: 2, 0x87: 3}
#: EXT1, EXT2, EXT4: numbers of a registry that a file cannot carry
_EXTENSIONS = {0x82: 1, 0x83: 2, 0x84: 4}
_STOP = 0x2E


class _Machine(_Reader):
    """Runs one pickle."""

    def __init__(self, data: bytes | mmap.mmap, start: int, rules: Rules) -> None:
        super().__init__(data, start)
        self._rules = rules
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo: dict[int, object] = {}
        self._budget = MAX_COPIES * len(data)

    def run(self) -> object:
        while True:
            code = self.take(1)[0]
            if code == _STOP:
                return self._stack.pop()
            if code in _VALUES:
                self._stack.append(_VALUES[code](self))
            elif code in _PUTS:
                self._memo[_PUTS[code](self)] = self._stack[-1]
            elif code in _GETS:
                self._stack.append(self._memo[_GETS[code](self)])
            elif code in _TUPLES:
                self._stack.append(tuple(self._pop_several(_TUPLES[code])))
            elif code in _SKIPPED:
                self.take(_SKIPPED[code])
            elif code in _EXTENSIONS:
                number = self.unsigned(_EXTENSIONS[code])
                self._stack.append(Placeholder(f"extension {number}"))
            elif code in _ACTIONS:
                _ACTIONS[code](self)
            else:
                raise WeightsError(f"it has an unknown instruction, {code:#04x}")

    def _pop_several(self, num: int) -> list[object]:
        if len(self._stack) < num:
            raise WeightsError("it takes more than there is")
        items = self._stack[-num:]
        del self._stack[-num:]
        return items

    def _pop_marked(self) -> list[object]:
        mark = self._marks.pop()
        items = self._stack[mark:]
        del self._stack[mark:]
        return items

    def _mark(self) -> None:
        self._marks.append(len(self._stack))

    def _pop(self) -> None:
        """Drop the topmost value, or the mark where that lies on top of it."""
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._stack.pop()

    def _duplicate(self) -> None:
        self._stack.append(self._stack[-1])

    def _memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    # === Containers ===

    def _list(self) -> None:
        self._stack.append(self._pop_marked())

    def _tuple(self) -> None:
        self._stack.append(tuple(self._pop_marked()))

    def _frozen_set(self) -> None:
        self._stack.append(frozenset(map(as_key, self._pop_marked())))

    def _dict(self) -> None:
        items = self._pop_marked()
        self._stack.append({})
        self._set(items)

    def _appends(self) -> None:
        self._extend(self._pop_marked())

    def _extend(self, items: list[object]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Placeholder):
            raise WeightsError(f"it appends to a {type(target).__name__}")

    def _set_items(self) -> None:
        self._set(self._pop_marked())

    def _set(self, items: list[object]) -> None:
        target = self._stack[-1]
        if isinstance(target, dict):
            target.update(zip(map(as_key, items[::2]), items[1::2], strict=True))
        elif not isinstance(target, Placeholder):
            raise WeightsError(f"it sets items of a {type(target).__name__}")

    def _add_items(self) -> None:
        items = self._pop_marked()
        target = self._stack[-1]
        if isinstance(target, set):
            target.update(map(as_key, items))
        elif not isinstance(target, Placeholder):
            raise WeightsError(f"it adds to a {type(target).__name__}")

    # === Objects ===

    def _find(self, module: str, name: str) -> Placeholder:
        full = f"{module}.{name}"
        make = self._rules.known.get(full)
        return Placeholder(full) if make is None else _Known(full, make)

    def _global(self) -> None:
        module, name = self.line().decode(), self.line().decode()
        self._stack.append(self._find(module, name))

    def _stack_global(self) -> None:
        module, name = self._pop_several(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise WeightsError("it names an object by something that is no text")
        self._stack.append(self._find(module, name))

    def _call(self, function: object, arguments: object) -> None:
        """Push what a known function makes of its arguments, else a placeholder.

        An honest file spells out what a function gets; one that hands the same long string to
        many calls would have it copied as often.
        """
        if not isinstance(function, Placeholder):
            raise WeightsError(f"it calls a {type(function).__name__}")
        if not isinstance(function, _Known):
            self._stack.append(Placeholder(function.name))
            return
        if not isinstance(arguments, tuple):
            raise WeightsError(f"it gives a {type(arguments).__name__} to {function.name}")
        self._spend(arguments)
        self._stack.append(function.make(*arguments))

    def _spend(self, arguments: tuple[object, ...]) -> None:
        sized = (str, bytes, list, tuple, set, frozenset, dict)
        self._budget -= sum(len(value) for value in arguments if isinstance(value, sized))
        if self._budget < 0:
            raise WeightsError("it copies more than it contains")

    def _reduce(self) -> None:
        self._call(*self._pop_several(2))

    def _new_object_with_keywords(self) -> None:
        function, arguments, keywords = self._pop_several(3)
        if keywords and isinstance(function, Placeholder):
            function = Placeholder(function.name)
        self._call(function, arguments)

    def _instance(self) -> None:
        function = self._find(self.line().decode(), self.line().decode())
        self._call(function, tuple(self._pop_marked()))

    def _object(self) -> None:
        function, *arguments = self._pop_marked()
        self._call(function, tuple(arguments))

    def _build(self) -> None:
        (state,) = self._pop_several(1)
        target = self._stack[-1]
        if not isinstance(target, Placeholder):
            self._spend(state if isinstance(state, tuple) else ())
            self._rules.set_state(target, state)

    def _old_persistent(self) -> None:
        self._stack.append(self._rules.persistent(self.line().decode()))

    def _persistent(self) -> None:
        self._stack.append(self._rules.persistent(*self._pop_several(1)))


#: all other opcodes
_ACTIONS: dict[int, Callable[[_Machine], object]] = {
    0x28: _Machine._mark,  # MARK
    0x30: _Machine._pop,  # POP
    0x31: _Machine._pop_marked,  # POP_MARK
    0x32: _Machine._duplicate,  # DUP
    0x94: _Machine._memoize,  # MEMOIZE
    0x6C: _Machine._list,  # LIST
    0x74: _Machine._tuple,  # TUPLE
    0x64: _Machine._dict,  # DICT
    0x91: _Machine._frozen_set,  # FROZENSET
    0x61: lambda machine: machine._extend(machine._pop_several(1)),  # APPEND
    0x65: _Machine._appends,  # APPENDS
    0x73: lambda machine: machine._set(machine._pop_several(2)),  # SETITEM
    0x75: _Machine._set_items,  # SETITEMS
    0x90: _Machine._add_items,  # ADDITEMS
    0x63: _Machine._global,  # GLOBAL
    0x93: _Machine._stack_global,  # STACK_GLOBAL
    0x52: _Machine._reduce,  # REDUCE
    0x81: _Machine._reduce,  # NEWOBJ
    0x92: _Machine._new_object_with_keywords,  # NEWOBJ_EX
    0x69: _Machine._instance,  # INST
    0x6F: _Machine._object,  # OBJ
    0x62: _Machine._build,  # BUILD
    0x50: _Machine._old_persistent,  # PERSID
    0x51: _Machine._persistent,  # BINPERSID
}
