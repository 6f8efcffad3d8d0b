"""What can be read of a network's graph: what its pixels must be, and what its result means."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Node = Any
Output = Any  # of a node
Affine = tuple[NDArray[np.float64], NDArray[np.float64]]

#: operations that move values or lay them out anew, and change none
_PASSING = {
    *("Reshape", "Squeeze", "Unsqueeze", "Transpose", "Convert", "Interpolate", "Identity"),
    *("Slice", "StridedSlice", "Split", "VariadicSplit", "Gather", "Pad", "Result"),
}
_AFFINE = {"Add", "Subtract", "Multiply", "Divide"}
#: operations whose results lie between these
_LIMITED = {
    "Sigmoid": (0.0, 1.0),
    "HardSigmoid": (0.0, 1.0),
    "HSigmoid": (0.0, 1.0),
    "Softmax": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Greater": (0.0, 1.0),
    "GreaterEqual": (0.0, 1.0),
}
#: operations that sum up: what comes last in networks that leave the sigmoid to others
_SUMS = {
    *("Convolution", "GroupConvolution", "MatMul", "BatchNormInference"),
    *("ConvolutionBackpropData", "GroupConvolutionBackpropData"),
    *_AFFINE,
}
#: slope below which what begins with a product takes pixels from 0 to 255: none divides those from
#: 0 to 1 by 20
_LEAST_SLOPE = 0.05
#: a mean of pixels from 0 to 1 cannot be above 1
_MOST_MEAN = 2.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Between which values a result lies: `least` is background, `most` foreground."""

    least: float
    most: float


def pixels_taken(model: Any) -> Literal["bytes", "shares"] | None:
    """Return what the file itself says of the pixels of its only input.

    Returns:
        "bytes" where they go in from 0 to 255, "shares" where from 0 to 1, since a scaling follows
        or the type has no other; `None` where nothing is said.
    """
    given = model.inputs[0]
    if given.get_element_type().to_string() in ("u8", "uint8_t"):
        return "bytes"
    slope, offset, is_scaled = np.ones(1), np.zeros(1), False
    for factor, summand in _first_steps(given):
        slope, offset, is_scaled = slope * factor, offset * factor + summand, True
    if not is_scaled:
        return None
    largest = float(np.abs(slope).max())
    mean = float(np.abs(offset).max()) / max(largest, 1e-12)
    return "bytes" if largest < _LEAST_SLOPE or mean > _MOST_MEAN else "shares"


def _first_steps(given: Output) -> Iterator[Affine]:
    """Yield factor and summand of each operation at the beginning that scales pixels."""
    while len(targets := list(given.get_target_inputs())) == 1:
        node = targets[0].get_node()
        step = _affine(node, targets[0].get_index())
        if step is not None and max(step[0].size, step[1].size) <= 4:  # one for each channel
            yield step
        elif node.get_type_name() not in ("Convert", "Transpose", "Reshape", "Unsqueeze"):
            return
        given = node.output(0)


def _affine(node: Node, index: int) -> Affine | None:
    """Return factor and summand of what a node does to its input of that index, if it is that."""
    kind = node.get_type_name()
    if kind not in _AFFINE or (kind == "Divide" and index == 1):
        return None
    other = node.input_value(1 - index).get_node()
    while other.get_type_name() == "Convert":
        other = other.input_value(0).get_node()
    if other.get_type_name() != "Constant" or math.prod(other.get_output_shape(0)) > 4096:
        return None
    value = np.ravel(np.asarray(other.get_data(), np.float64))
    if kind == "Multiply":
        return value, np.zeros(1)
    if kind == "Divide":
        return 1 / np.where(value == 0, np.inf, value), np.zeros(1)
    if kind == "Add":
        return np.ones(1), value
    return (np.ones(1), -value) if index == 0 else (-np.ones(1), value)


def result_limits(model: Any) -> Limits | None:
    """Return between what the first result lies, `None` where it is logits: any numbers.

    Raises:
        ValueError: neither can be told; says why.
    """
    return _limits(model.outputs[0].get_node().input_value(0))


def _limits(result: Output, depth: int = 0) -> Limits | None:
    factor, summand = 1.0, 0.0
    while True:
        node = result.get_node()
        kind = node.get_type_name()
        if kind in _PASSING:
            result = node.input_value(0)
            continue
        steps = [_scalar(node, index) for index in range(node.get_input_size())]
        step = next((each for each in steps if each is not None), None)
        if step is None:
            break
        index, (by, plus) = step
        factor, summand = factor * by, summand + factor * plus
        result = node.input_value(index)
    found = _own_limits(node, result, depth)
    if found is None:
        return None
    ends = sorted(factor * each + summand for each in (found.least, found.most))
    return Limits(*ends)


def _scalar(node: Node, index: int) -> tuple[int, tuple[float, float]] | None:
    step = _affine(node, index)
    if step is None or step[0].size > 1 or step[1].size > 1:
        return None
    return index, (float(step[0][0]), float(step[1][0]))


def _own_limits(node: Node, result: Output, depth: int) -> Limits | None:
    """Return the limits of what an operation itself computes; see `result_limits`."""
    kind = node.get_type_name()
    if kind in _LIMITED:
        return Limits(*_LIMITED[kind])
    if kind == "Clamp":
        ends = node.get_attributes()
        return Limits(float(ends["min"]), float(ends["max"]))
    if kind == "TopK" and result.get_index() == 1:  # which class is the likeliest
        side = node.input_value(0).get_partial_shape()[node.get_attributes()["axis"]]
        if side.is_dynamic or side.get_length() != 2:
            raise ValueError(f"it tells {side} classes apart; networks of one foreground are taken")
        return Limits(0.0, 1.0)
    if kind == "Divide":  # by what is no constant: shares of a whole
        return Limits(0.0, 1.0)
    if kind == "Concat" and depth < 8:
        each = [_limits(node.input_value(i), depth + 1) for i in range(node.get_input_size())]
        return each[0]
    if kind in _SUMS:
        return None
    raise ValueError(
        f"whether its result, which comes out of {kind}, is from 0 to 1 cannot be told; export it "
        "with a sigmoid at the end, or without anything after the last convolution"
    )


def multiplications(model: Any) -> float:
    """Return how many multiplications a run takes in convolutions and matrix products."""
    total = 0.0
    for node in model.get_ops():
        kind = node.get_type_name()
        if kind == "MatMul":
            shape = node.get_input_shape(0)
            inner = shape[-2] if node.get_attributes()["transpose_a"] else shape[-1]
            total += math.prod(node.get_output_shape(0)) * inner
        elif "Convolution" in kind:
            kernel = list(node.get_input_shape(1))
            inner = math.prod(kernel[2:] if kind.startswith("Group") else kernel[1:])
            is_backward = kind.endswith("BackpropData")
            places = node.get_input_shape(0) if is_backward else node.get_output_shape(0)
            total += math.prod(places) * inner
    return total


def memory_needed(model: Any) -> int:
    """Return the most bytes that lie between the operations of a model at a time.

    Args:
        model: with an input of a settled shape.

    Raises:
        ValueError: the size of a tensor cannot be told before it is computed.
    """
    nodes = model.get_ordered_ops()
    last_use: dict[tuple[str, int], int] = {}
    for step, node in enumerate(nodes):
        for given in node.input_values():
            last_use[given.get_node().get_name(), given.get_index()] = step
    ends: dict[int, int] = {}
    held = most = 0
    for step, node in enumerate(nodes):
        is_stored = node.get_type_name() == "Constant"  # in the file
        for made in [] if is_stored else node.outputs():
            num_bytes = _num_bytes(made)
            held += num_bytes
            end = last_use.get((node.get_name(), made.get_index()), step)
            ends[end] = ends.get(end, 0) + num_bytes
        most = max(most, held)
        held -= ends.pop(step, 0)
    return most


def _num_bytes(made: Output) -> int:
    shape = made.get_partial_shape()
    if shape.is_dynamic:
        kind = made.get_node().get_type_name()
        raise ValueError(f"how much memory its {kind} needs cannot be told beforehand")
    bits = int(made.get_element_type().bitwidth)
    return math.prod(int(side.get_length()) for side in shape) * bits // 8
