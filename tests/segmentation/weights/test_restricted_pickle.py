"""Pickles are read, and nothing that one asks for is done."""

from __future__ import annotations

import os
import pickle
import pickletools
from pathlib import Path

import pytest

from segmentation.errors import WeightsError
from segmentation.weights.restricted_pickle import Placeholder, Rules, read_pickle


def refuse(persistent_id: object) -> object:
    raise AssertionError(f"asks for {persistent_id!r}")


def plain(data: bytes) -> object:
    """Read a pickle that needs nothing from outside."""
    return read_pickle(data, 0, Rules(refuse, {}))[0]


class Attack:
    def __reduce__(self) -> tuple:
        return os.system, ("touch harmed",)


@pytest.mark.parametrize(
    "data",
    [
        *(pickle.dumps({"a": Attack()}, protocol) for protocol in range(6)),
        b"}X\x01\x00\x00\x00a(S'touch harmed'\nios\nsystem\ns.",  # INST
        b"}X\x01\x00\x00\x00a(cos\nsystem\nX\x0c\x00\x00\x00touch harmedos.",  # OBJ
        b"}X\x01\x00\x00\x00acos\nsystem\nX\x0c\x00\x00\x00touch harmed\x85\x81s.",  # NEWOBJ
        b"}X\x01\x00\x00\x00acos\nsystem\nX\x0c\x00\x00\x00touch harmed\x85}\x92s.",  # NEWOBJ_EX
        b"}X\x01\x00\x00\x00acos\nsystem\nX\x0c\x00\x00\x00touch harmedbs.",  # BUILD
        b"}X\x01\x00\x00\x00a\x82\x01X\x0c\x00\x00\x00touch harmed\x85Rs.",  # EXT1
        b"}X\x01\x00\x00\x00acos\nsystem\n(X\x0c\x00\x00\x00touch harmedes.",  # APPENDS
        b"}X\x01\x00\x00\x00acos\nsystem\n(K\x01K\x02us.",  # SETITEMS
    ],
)
def test_nothing_is_called(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    read = plain(data)
    assert isinstance(read, dict)
    assert isinstance(read["a"], Placeholder)
    assert read["a"].name in ("posix.system", "nt.system", "os.system", "extension 1")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"K\x01K\x02\x85R.", "calls a int"),
        (b"K\x01K\x02a.", "appends to a int"),
        (b"K\x01K\x02K\x03s.", "sets items of a int"),
        (b"K\x01(K\x02\x90.", "adds to a int"),
        (b"K\x01K\x02\x93.", "no text"),
        (b"\xff", "unknown instruction, 0xff"),
        (b"\x86.", "more than there is"),
        (b"X\xff\xff\xff\xffabc", "ends too early"),
        (b"\x8d" + b"\xff" * 8, "ends too early"),
        (b"\x8b\xff\xff\xff\x80.", "ends too early"),
        (b"\x96\xff\xff\xff\xff\xff\x00\x00\x00.", "ends too early"),
        (b"K\x01", "ends too early"),
    ],
)
def test_what_makes_no_sense_is_refused(data: bytes, what: str) -> None:
    with pytest.raises(WeightsError, match=what):
        plain(data)


@pytest.mark.parametrize(
    "data",
    [
        b"}]K\x01s.",
        b"(]K\x01d.",
        b"\x8f(}\x90.",
        b"(]\x91.",
        b"}" + b")" + b"\x85" * 100_000 + b"K\x01s.",  # too deep for Python to hash
    ],
)
def test_keys_that_cannot_be(data: bytes) -> None:
    (key,) = plain(data)  # type: ignore[misc]
    assert isinstance(key, Placeholder)


def test_a_mark_is_dropped_like_a_value() -> None:
    assert plain(b"K\x01(0.") == 1
    assert plain(b"K\x01K\x020.") == 1


def test_every_opcode_is_known() -> None:
    """What the standard library's reader knows is run, or refused for want of values."""
    unknown = []
    for opcode in pickletools.opcodes:
        code = opcode.code.encode("latin-1")
        try:
            read_pickle(code + b"1\n1\n" + bytes(8), 0, Rules(lambda _: None, {}))
        except (WeightsError, LookupError, ValueError) as error:
            unknown += [opcode.name] if f"instruction, 0x{code.hex()}" in str(error) else []
    assert unknown == ["NEXT_BUFFER", "READONLY_BUFFER"]
