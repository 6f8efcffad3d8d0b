"""Other operations in the place of a few of an 8-bit OpenVINO model, the same numbers in less time.

With few channels OpenVINO spends its time on going from pixel to pixel, and 8-bit convolutions of
many channels are what processors run best. So, where that was measured to be faster,

- the average of 2x2 pixels becomes a convolution with ones, of a quarter of the scale;
- maps twice as large, interpolated, come from convolutions as well: with half-pixel centres a new
  pixel is 9, 3, 3 and 1 sixteenths of its four old neighbours;
- a convolution of few results reads a wider piece of the map and gives those of several pixels
  that lie side by side, as so many more channels. In memory, where channels are innermost, that is
  the same map.

The integers that are summed stay the same, and so do the roundings between: results are equal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Node = Any
Output = Any
Kernel = NDArray[np.int8]

#: up to so many channels a convolution is faster; at 16 it takes a third of the time of the
#: average, at 24 three quarters, at 48 a third more
MAX_AVERAGED = 32
#: at 8 channels convolutions take a quarter of the time of the interpolation, at 24 half as long
#: again
MAX_ENLARGED = 8
#: results of a convolution that processors with vectors of 512 bits compute at a time
LANES = 16
#: more of them make the kernel wider and nothing faster
MAX_SIDE_BY_SIDE = 8


def make_faster(model: Any) -> int:
    """Replace the operations that others are faster than; returns how many.

    Args:
        model: an `openvino.Model`, changed in place: maps (N, C, H, W), quantized by nncf, whose
            convolutions of one result have maps with multiples of `MAX_SIDE_BY_SIDE` columns, those
            of up to `LANES` / 2 even numbers of them.
    """
    replaced = 0
    ways = {
        "AvgPool": _average_by_convolution,
        "Interpolate": _enlarge_by_convolution,
        "Convolution": _convolve_side_by_side,
    }
    for node in model.get_ordered_ops():
        way = ways.get(node.get_type_name())
        if way is not None:
            replaced += way(node)
    model.validate_nodes_and_infer_types()
    return replaced


def _average_by_convolution(pool: Node) -> bool:
    """Replace an average of 2x2 pixels of up to `MAX_AVERAGED` channels in 8 bits."""
    from openvino import opset13 as ops

    attributes = pool.get_attributes()
    sizes = [list(attributes[name]) for name in ("kernel", "strides", "pads_begin", "pads_end")]
    source = pool.input_value(0)
    channels = source.get_partial_shape()[1].get_length()
    if (
        sizes != [[2, 2], [2, 2], [0, 0], [0, 0]]
        or attributes["rounding_type"] != "floor"
        or attributes["auto_pad"] not in ("explicit", "valid")
        or channels > MAX_AVERAGED
        or source.get_node().get_type_name() != "FakeQuantize"
        or _only_reader(pool.output(0), "FakeQuantize") is None
    ):
        return False
    kernel = np.eye(channels, dtype=np.int8)[:, :, None, None].repeat(2, 2).repeat(2, 3)
    weights = _weights(kernel, np.full((channels, 1, 1, 1), 1 / 4))
    fresh = ops.convolution(source, weights, [2, 2], [0, 0], [0, 0], [1, 1])
    _take_place(fresh, pool)
    return True


def _enlarge_by_convolution(node: Node) -> bool:
    """Replace an interpolation to twice the size, of up to `MAX_ENLARGED` channels in 8 bits.

    It lies between a transposition to (N, H, W, C), rounding, and the transposition back.
    """
    before = node.input_value(0).get_node()
    rounding = _only_reader(node.output(0), "FakeQuantize")
    after = rounding and _only_reader(rounding.output(0), "Transpose")
    if before.get_type_name() != "Transpose" or after is None or not _doubles(node):
        return False
    source = before.input_value(0)
    channels = source.get_partial_shape()[1].get_length()
    if channels > MAX_ENLARGED or source.get_node().get_type_name() != "FakeQuantize":
        return False
    _take_place(_enlarged(source, channels, rounding), after)
    return True


def _doubles(node: Node) -> bool:
    """Whether an interpolation of (N, H, W, C) is bilinear, to twice the size."""
    attributes = node.get_attributes()
    scales, axes = (_numbers(node.input_value(index)) for index in (1, 2))
    return bool(
        attributes["mode"] in ("linear", "linear_onnx")
        and attributes["shape_calculation_mode"] == "scales"
        and attributes["coordinate_transformation_mode"] == "half_pixel"
        and not any([*attributes["pads_begin"], *attributes["pads_end"]])
        and (scales is not None and scales.tolist() == [2, 2])
        and (axes is not None and axes.tolist() == [1, 2])
    )


def _enlarged(source: Output, channels: int, rounding: Node) -> Node:
    """Return maps (N, C, H, W) at twice their size, in whose rows are those of two convolutions.

    Beyond the border the map goes on as it ends.

    Args:
        source: the maps.
        channels: C.
        rounding: the `FakeQuantize` of the result.
    """
    from openvino import opset13 as ops

    rows = []
    for odd in (0, 1):
        edges = ([0, 0, 1 - odd, 1], [0, 0, odd, 1])
        padded = ops.pad(source, *map(ops.constant, edges), "edge")
        weights = _weights(_neighbours(channels, odd), np.full((2 * channels, 1, 1, 1), 1 / 16))
        row = ops.convolution(padded, weights, [1, 1], [0, 0], [0, 0], [1, 1])
        row = _channels_last(_rounded(row, rounding))  # (N, H, W, 2C): an even column, an odd one
        rows.append(ops.reshape(row, ops.constant([0, 0, 1, -1]), True))
    whole = ops.concat(rows, 2)  # (N, H, 2, 2WC)
    old = ops.shape_of(_channels_last(source))
    return _channels_first(
        ops.reshape(whole, ops.multiply(old, ops.constant(np.array([1, 2, 2, 1], np.int64))), False)
    )


def _neighbours(channels: int, odd: int) -> Kernel:
    """Return what the pixels around one give to two new ones side by side, in sixteenths.

    Args:
        channels: C of the maps, which stay apart.
        odd: 0 for the new even row, made of the old one above and the one itself; 1 for the odd
            one, made of that and the one below.

    Returns:
        (2C, C, 2, 3), first the kernels of the even columns.
    """
    down = ((1, 3), (3, 1))[odd]
    kernel = np.zeros((2, channels, channels, 2, 3), np.int8)
    for column, along in enumerate(((1, 3, 0), (0, 3, 1))):
        kernel[column, range(channels), range(channels)] = np.outer(down, along)
    return kernel.reshape(2 * channels, channels, 2, 3)


def _convolve_side_by_side(node: Node) -> bool:
    """Let a 3x3 convolution of up to half of `LANES` results give those of several columns."""
    from openvino import opset13 as ops

    kernel, scales = _quantized(node.input_value(1))
    bias = _only_reader(node.output(0), "Add")
    added = bias and _numbers(bias.input_value(1))
    if kernel is None or scales is None or bias is None or added is None:
        return False
    if not _is_plain_3x3(node, kernel):
        return False
    filters = len(kernel)
    columns = min(LANES // filters, MAX_SIDE_BY_SIDE)
    if columns < 2:
        return False
    weights = _weights(_side_by_side(kernel, columns), np.tile(scales, (columns, 1, 1, 1)))
    fresh = ops.convolution(node.input_value(0), weights, [1, columns], [1, 1], [1, 1], [1, 1])
    fresh.set_friendly_name(node.get_friendly_name())
    fresh, last = ops.add(fresh, ops.constant(np.tile(added, (1, columns, 1, 1)))), bias
    if (activation := _only_reader(last.output(0), "Relu")) is not None:
        fresh, last = ops.relu(fresh), activation
    if (rounding := _only_reader(last.output(0), "FakeQuantize")) is not None:
        fresh, last = _rounded(fresh, rounding), rounding
    pixels = ops.reshape(_channels_last(fresh), ops.constant([0, 0, -1, filters]), True)
    _take_place(_channels_first(pixels), last)
    return True


def _is_plain_3x3(node: Node, kernel: Kernel) -> bool:
    """Whether a convolution is 3x3 with stride 1 and one zero around the map."""
    attributes = node.get_attributes()
    is_padded = attributes["auto_pad"] in ("same_upper", "same_lower") or (
        attributes["auto_pad"] == "explicit"
        and list(attributes["pads_begin"]) == list(attributes["pads_end"]) == [1, 1]
    )
    steps = [list(attributes[name]) for name in ("strides", "dilations")]
    return is_padded and kernel.shape[2:] == (3, 3) and steps == [[1, 1], [1, 1]]


def _side_by_side(kernel: Kernel, columns: int) -> Kernel:
    """Return a kernel (O, C, H, W) at `columns` places: (`columns` O, C, H, W + `columns` - 1)."""
    filters, channels, height, width = kernel.shape
    wide = np.zeros((columns, filters, channels, height, width + columns - 1), np.int8)
    for column in range(columns):
        wide[column, ..., column : column + width] = kernel
    return wide.reshape(-1, *wide.shape[2:])


def _weights(kernel: Kernel, scales: NDArray[Any]) -> Node:
    """Return weights that OpenVINO takes for quantized: 8 bits, times one number a result."""
    from openvino import opset13 as ops

    values = ops.convert(ops.constant(kernel), "f32")
    return ops.multiply(values, ops.constant(scales.astype(np.float32)))


def _quantized(weights: Output) -> tuple[Kernel | None, NDArray[np.float32] | None]:
    """Return the kernel (O, C, H, W) and scales (O, 1, 1, 1) of weights as `_weights` makes them.

    Others give None twice.
    """
    node = weights.get_node()
    if node.get_type_name() != "Multiply":
        return None, None
    kernel, scales = (_numbers(value) for value in node.input_values())
    if kernel is None or kernel.dtype != np.int8 or scales is None:
        return None, None
    return kernel, np.broadcast_to(scales, (len(kernel), 1, 1, 1)).astype(np.float32)


def _numbers(value: Output) -> NDArray[Any] | None:
    """Return a constant as it is stored, be it converted afterwards; None for anything else."""
    node = value.get_node()
    if node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return np.array(node.data) if node.get_type_name() == "Constant" else None


def _rounded(value: Node, rounding: Node) -> Node:
    """Return `value` through a copy of a `FakeQuantize`."""
    from openvino import opset13 as ops

    levels = rounding.get_attributes()["levels"]
    return ops.fake_quantize(value, *rounding.input_values()[1:], levels)


def _channels_last(maps: Any) -> Node:
    from openvino import opset13 as ops

    return ops.transpose(maps, ops.constant(np.array([0, 2, 3, 1], np.int64)))


def _channels_first(maps: Any) -> Node:
    from openvino import opset13 as ops

    return ops.transpose(maps, ops.constant(np.array([0, 3, 1, 2], np.int64)))


def _only_reader(output: Output, kind: str) -> Node | None:
    """Return the only node that reads `output`, if it is of that kind."""
    readers = [port.get_node() for port in output.get_target_inputs()]
    return readers[0] if len(readers) == 1 and readers[0].get_type_name() == kind else None


def _take_place(fresh: Node, old: Node) -> None:
    fresh.set_friendly_name(old.get_friendly_name())
    old.output(0).replace(fresh.output(0))
