"""ONNX files, written as messages of Protocol Buffers: the few fields of onnx.proto that matter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2, np.dtype(np.int64): 7}
_TYPES |= {np.dtype(np.float16): 10}
FLOAT, INT64 = 1, 7


def varint(value: int) -> bytes:
    value %= 1 << 64
    told = bytearray()
    while value > 127:
        told.append(value & 127 | 128)
        value >>= 7
    return bytes([*told, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, *parts: bytes) -> bytes:
    whole = b"".join(parts)
    return varint(field << 3 | 2) + varint(len(whole)) + whole


def text(field: int, value: str) -> bytes:
    return message(field, value.encode())


def tensor_parts(name: str, values: NDArray[Any], dims: Sequence[int] | None = None) -> list[bytes]:
    """A tensor; `dims` are what it claims, if not its own."""
    sides = [number(1, side) for side in (values.shape if dims is None else dims)]
    return [*sides, number(2, _TYPES[values.dtype]), text(8, name), message(9, values.tobytes())]


def initializer(name: str, values: Any, dims: Sequence[int] | None = None) -> bytes:
    return message(5, *tensor_parts(name, np.asarray(values), dims))


def elsewhere(name: str, dims: Sequence[int], **entries: str) -> bytes:
    """A tensor of float32 in a file beside."""
    told = [message(13, text(1, key), text(2, value)) for key, value in entries.items()]
    sides = [number(1, side) for side in dims]
    return message(5, *sides, number(2, FLOAT), text(8, name), *told, number(14, 1))


def attribute(name: str, value: int | float | Sequence[int] | str | bytes) -> bytes:
    """One of a node; bytes are a graph."""
    if isinstance(value, bytes):
        return message(5, text(1, name), message(6, value), number(20, 5))
    if isinstance(value, str):
        return message(5, text(1, name), text(4, value), number(20, 3))
    if isinstance(value, float):
        told = varint(2 << 3 | 5) + np.float32(value).tobytes()
        return message(5, text(1, name), told, number(20, 1))
    if isinstance(value, int):
        return message(5, text(1, name), number(3, value), number(20, 2))
    return message(5, text(1, name), *(number(8, each) for each in value), number(20, 7))


def node(
    operation: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    domain: str = "",
    **attributes: Any,
) -> bytes:
    told = [text(1, name) for name in inputs] + [text(2, name) for name in outputs]
    told += [text(4, operation), *(attribute(*each) for each in attributes.items())]
    return message(1, *told, *([text(7, domain)] if domain else []))


def value(field: int, name: str, shape: Sequence[int | str] | None, kind: int = FLOAT) -> bytes:
    """Field 11: an input; 12: an output. A side that is a text is free."""
    sides = [
        message(1, text(2, side) if isinstance(side, str) else number(1, side))
        for side in shape or ()
    ]
    shaped = [message(2, *sides)] if shape is not None else []
    return message(field, text(1, name), message(2, message(1, number(1, kind), *shaped)))


def graph(*parts: bytes) -> bytes:
    return b"".join([*parts, text(2, "graph")])


def model(*parts: bytes, more: bytes = b"") -> bytes:
    """A file of a graph of these nodes, tensors, inputs and outputs."""
    return number(1, 8) + message(7, graph(*parts)) + message(8, number(2, 13)) + more


def brightness(
    path: Path,
    size_hw: tuple[int | str, int | str] = (32, 32),
    *,
    is_nchw: bool = True,
    channels: int = 1,
    steps: Sequence[bytes] = (),
    begin: Sequence[bytes] = (),
    end: str = "Sigmoid",
    scale: float = 8.0,
    outputs: int = 1,
    kind: int = FLOAT,
    result: str = "share",
) -> Path:
    """Write a network that takes what is bright for foreground.

    Its logit is `scale` x the sum of red, 2 x green and 3 x blue, as they go in.

    Args:
        path: of the file.
        size_hw: of its input, texts are free.
        is_nchw: whether channels come first, in its input and its result.
        channels: of the result; of two the first is background.
        steps: more nodes or tensors, after all others.
        begin: what is done to the pixels first.
        end: its last operation: "Sigmoid", "Softmax", "" for logits.
        scale: see above.
        outputs: of the network, of which the first is meant.
        kind: of its input.
        result: of `end`; where it is not "share", `steps` lead from it to that.
    """
    kernel = np.zeros((channels, 3, 1, 1), np.float32)
    kernel[-1, :, 0, 0] = scale * np.arange(1, 4)
    shape = (1, 3, *size_hw) if is_nchw else (1, *size_hw, 3)
    last = (1, channels, *size_hw) if is_nchw else (1, *size_hw, channels)
    first = "scaled" if begin else "pixels"
    parts = [value(11, "pixels", shape, kind), initializer("kernel", kernel), *begin]
    if not is_nchw:
        parts.append(node("Transpose", [first], ["laid"], perm=[0, 3, 1, 2]))
    parts.append(node("Conv", ["laid" if not is_nchw else first, "kernel"], ["logits"]))
    now = "logits"
    if not is_nchw:
        parts.append(node("Transpose", [now], ["back"], perm=[0, 2, 3, 1]))
        now = "back"
    if end:
        axis = {"axis": 1 if is_nchw else 3} if end == "Softmax" else {}
        parts += [node(end, [now], [result], **axis), *steps]
        now = "share"
    parts.append(value(12, now, last))
    for index in range(1, outputs):
        parts += [node("Neg", [now], [f"side{index}"]), value(12, f"side{index}", last)]
    path.write_bytes(model(*parts))
    return path
