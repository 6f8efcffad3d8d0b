"""Python's pickle format, read without running anything that a file names.

The format is a program for a machine with a stack (the opcodes are documented in CPython's
`pickletools`). Two things make it dangerous: it can call any function by name, and it can ask for
more memory than the file is long. Here it calls only functions that the caller hands in, every
other name becomes a `Placeholder`, and nothing is allocated that the bytes read do not account for.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from segmentation.errors import WeightsError
from segmentation.weights.pickle_opcodes import (
    COSTS,
    EXTENSIONS,
    GETS,
    ITEM_COST,
    PUTS,
    SKIPPED,
    STOP,
    TUPLES,
    VALUES,
    PickleReader,
)

#: what may be a key of a dict or a member of a set
_SCALARS = (str, bytes, int, float, bool, type(None))
#: and what short tuples of these may have; of numbers, many could be made to have one hash
_OF_TUPLES = (str, bytes, bool, type(None))
MAX_KEY_LENGTH, MAX_KEY_BITS = 16, 64
#: how often what a file holds may go through functions; an array does twice, as text and as bytes
MAX_COPIES = 4
#: Instructions: a file of weights has some thousands, and some for each number outside of arrays
MAX_STEPS = 1_000_000
#: Calls of functions, of which each array takes three or four and some microseconds
MAX_CALLS = 50_000
#: Times its size, and bytes, that what a pickle makes may take
MAX_GROWTH, ALWAYS_ALLOWED = 6, 100_000_000


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

    Arrays may not. Neither may numbers and tuples that take long to hash, at each use again, nor
    tuples of more than scalars: deep ones could crash Python.
    """
    if isinstance(value, tuple):
        is_key = len(value) <= MAX_KEY_LENGTH and all(
            isinstance(member, (*_OF_TUPLES, Placeholder)) for member in value
        )
    elif isinstance(value, int):
        is_key = value.bit_length() <= MAX_KEY_BITS
    else:
        is_key = isinstance(value, (*_SCALARS, Placeholder))
    return value if is_key else Placeholder(f"key that is a {type(value).__name__}")


class _Machine(PickleReader):
    """Runs one pickle."""

    def __init__(self, data: bytes | mmap.mmap, start: int, rules: Rules) -> None:
        super().__init__(data, start)
        self._rules = rules
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo: dict[int, object] = {}
        self._budget = MAX_COPIES * len(data)
        self._calls_left = MAX_CALLS
        self._room = MAX_GROWTH * len(data) + ALWAYS_ALLOWED

    def run(self) -> object:
        for _ in range(MAX_STEPS):
            code = self.take(1)[0]
            self._reserve(COSTS[code])
            if code == STOP:
                return self._stack.pop()
            if code in VALUES:
                self._stack.append(VALUES[code](self))
            elif code in PUTS:
                self._memo[PUTS[code](self)] = self._stack[-1]
            elif code in GETS:
                self._stack.append(self._memo[GETS[code](self)])
            elif code in TUPLES:
                self._stack.append(tuple(self._pop_several(TUPLES[code])))
            elif code in SKIPPED:
                self.take(SKIPPED[code])
            elif code in EXTENSIONS:
                number = self.unsigned(EXTENSIONS[code])
                self._stack.append(Placeholder(f"extension {number}"))
            elif code in _ACTIONS:
                _ACTIONS[code](self)
            else:
                raise WeightsError(f"it has an unknown instruction, {code:#04x}")
        raise WeightsError("it has more instructions than weights need")

    def _reserve(self, num_bytes: int) -> None:
        self._room -= num_bytes
        if self._room < 0:
            raise WeightsError("it makes far more of itself than it is long")

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
        items = self._pop_marked()
        self._reserve(ITEM_COST * len(items))
        self._stack.append(frozenset(map(as_key, items)))

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
        self._reserve(ITEM_COST * len(items) // 2)
        if isinstance(target, dict):
            target.update(zip(map(as_key, items[::2]), items[1::2], strict=True))
        elif not isinstance(target, Placeholder):
            raise WeightsError(f"it sets items of a {type(target).__name__}")

    def _add_items(self) -> None:
        items = self._pop_marked()
        target = self._stack[-1]
        self._reserve(ITEM_COST * len(items))
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

    def _count_call(self) -> None:
        self._calls_left -= 1
        if self._calls_left < 0:
            raise WeightsError("it calls more functions than weights need")

    def _spend(self, arguments: tuple[object, ...]) -> None:
        self._count_call()
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
        self._count_call()
        self._stack.append(self._rules.persistent(self.line().decode()))

    def _persistent(self) -> None:
        self._count_call()
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
