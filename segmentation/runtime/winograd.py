"""3x3 convolutions of an OpenVINO model with a quarter of their multiplications.

Winograd's F(4x4, 3x3), after Lavin & Gray 2016, "Fast Algorithms for Convolutional Neural
Networks". A tile of 4x4 results depends on 6x6 inputs d, which overlap those of the next tile by
two. With a kernel g it is

    tile = A^T [(G g G^T) * (B^T d B)] A,

where * multiplies place by place: 36 multiplications instead of 144. Over all channels the product
at one place is a matrix product. As operations that OpenVINO is fast at:

- G g G^T: worked out here, when the model is compiled;
- B^T d B: convolutions with stride 4 that leave channels apart, down the map, then along it;
- the products: 36 convolutions of 1x1, each of a map that has a pixel for every tile;
- A^T m A: one matrix product, 16 results from 36 places; then the tiles are laid side by side.

A model's graph is rewritten when it is compiled, once the size of its input is known; the export on
disk stays as small as the weights. It takes half the time of direct convolutions.

The arithmetic is exact, its order another: in float32 a result differs from that of the direct
convolution by 3e-6 of the largest one, ten times what that rounds away itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Node = Any
Output = Any
Matrix = NDArray[np.float64]

#: side of a tile of the result
TILE = 4
#: where polynomials are evaluated, infinity aside. The usual 0, 1, -1, 2 and -2 have powers that
#: differ more in size: their sums lose four times as much to rounding
POINTS = (0.0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2), -math.sqrt(2))
#: Where it pays, as measured on one core. With fewer channels (the harmonic mean of those in and
#: out) the transforms take longer than the products they save: at 64 a quarter longer in all, at 96
#: two thirds, at 256 half of the time of the direct convolution. With fewer tiles little is saved
#: with each kernel, for which four times the memory is needed, twice. With fewer multiplications
#: hardly 2 ms are saved, and the larger graph takes 50 ms more to compile
MIN_CHANNELS = 96
MIN_TILES = 80
MIN_MULTIPLICATIONS = 5e8
#: of the map that are worked on at a time: what lies between the steps then stays small
STRIP_PIXELS = 64 * 128


def transforms(points: tuple[float, ...]) -> tuple[Matrix, Matrix, Matrix]:
    """Return A^T, G and B^T of a tile, one row or column for each point and one for infinity.

    Convolving is multiplying polynomials, and a product is known from its values: G and, in the
    other direction, A^T evaluate at the points, B^T holds for each the polynomial that is 0 at all
    others. At infinity there is only the highest coefficient.
    """
    places, degrees = len(points) + 1, np.arange(len(points))
    result, kernel = np.zeros((places - 2, places)), np.zeros((places, 3))
    inputs = np.zeros((places, places))
    for place, point in enumerate(points):
        others = [other for other in points if other != point]
        result[:, place] = point ** degrees[:-1]
        kernel[place] = point ** degrees[:3] / np.prod(np.subtract(point, others))
        inputs[place, :-1] = np.poly(others)[::-1]
    result[-1, -1] = kernel[-1, -1] = 1
    inputs[-1] = np.poly(points)[::-1]
    return result, kernel, inputs


RESULT, KERNEL, INPUT = transforms(POINTS)
PLACES = len(INPUT)


def use_winograd(model: Any) -> int:
    """Replace the convolutions of a model that become faster; returns how many.

    Args:
        model: an `openvino.Model`, changed in place. Maps whose size is not settled are left alone.
    """
    replaced = 0
    kernels: dict[str, list[Node]] = {}  # several convolutions may share theirs
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Loop":
            replaced += use_winograd(node.get_function())
        elif node.get_type_name() == "Convolution" and _is_plain_3x3(node) and _pays(node):
            weights = node.input_value(1).get_node()
            name = weights.get_friendly_name()
            if name not in kernels:
                kernels[name] = _transformed_kernels(weights.data)
            _replace(node, kernels[name])
            replaced += 1
    return replaced


def _is_plain_3x3(node: Node) -> bool:
    """Whether a convolution has stride 1, one zero around the map, and constant weights."""
    weights = node.input_value(1)
    if weights.get_node().get_type_name() != "Constant" or list(weights.get_shape())[2:] != [3, 3]:
        return False
    wanted = {"strides": 1, "dilations": 1, "pads_begin": 1, "pads_end": 1}
    attributes = node.get_attributes()
    return node.input_value(0).get_partial_shape().is_static and all(
        list(attributes[name]) == [value, value] for name, value in wanted.items()
    )


def _pays(node: Node) -> bool:
    num, channels, *size_hw = node.input_value(0).get_shape()
    filters = node.input_value(1).get_shape()[0]
    harmonic_mean = 2 * channels * filters / (channels + filters)
    tiles = num * math.prod(-(-side // TILE) for side in size_hw)
    multiplications = 9 * num * math.prod(size_hw) * channels * filters
    return bool(
        harmonic_mean >= MIN_CHANNELS
        and tiles >= MIN_TILES
        and multiplications >= MIN_MULTIPLICATIONS
    )


def _transformed_kernels(weights: NDArray[np.float32]) -> list[Node]:
    """Return G g G^T of weights (O, C, 3, 3): 36 constants (O, C, 1, 1)."""
    import openvino

    filters, channels = weights.shape[:2]
    both = np.kron(KERNEL, KERNEL).astype(np.float32)
    places = (both @ weights.reshape(-1, 9).T).reshape(-1, filters, channels, 1, 1)
    return [openvino.op.Constant(place) for place in places]


def _replace(node: Node, kernels: list[Node]) -> None:
    """Put other operations in the place of a convolution, its bias and its activation."""
    from openvino import opset13 as ops

    source = node.input_value(0)
    last, bias, is_rectified = _what_follows(node)
    num, channels, height, width = source.get_shape()
    transform = [_kernels_along(axis, channels) for axis in (0, 1)]
    num_strips = -(-num * height * width // STRIP_PIXELS)
    num_rows = TILE * -(-height // (TILE * num_strips))
    strips = []
    for first in range(0, height, num_rows):
        maps = _transformed_input(source, first, min(first + num_rows, height), transform)
        strips.append(_result(maps, kernels, bias, is_rectified))
    whole = ops.concat(strips, 1) if len(strips) > 1 else strips[0]
    if list(whole.get_output_shape(0)[1:3]) != [height, width]:
        start, stop, step, axes = ([0, 0], [height, width], [1, 1], [1, 2])
        whole = ops.slice(whole, *map(ops.constant, (start, stop, step, axes)))
    _connect(whole, last)


def _kernels_along(axis: int, channels: int) -> list[Node]:
    """Return the rows of B^T as kernels of convolutions along an axis, for every channel."""
    from openvino import opset13 as ops

    size = (PLACES, 1) if axis == 0 else (1, PLACES)
    rows = INPUT.astype(np.float32).reshape(PLACES, 1, 1, 1, *size)
    return [ops.constant(np.tile(row, (channels, 1, 1, 1, 1))) for row in rows]


def _transformed_input(
    source: Output, first: int, stop: int, transform: list[list[Node]]
) -> list[Node]:
    """Return B^T d B for rows `first` to `stop` of the result.

    Args:
        source: the map (N, C, H, W).
        first: a multiple of `TILE`.
        stop: H, or another multiple of `TILE`.
        transform: `_kernels_along` both axes.

    Returns:
        36 maps (N, C, tiles down, tiles along).
    """
    from openvino import opset13 as ops

    height, width = source.get_shape()[2:]
    above, below = int(first == 0), int(stop == height)  # rows of zeros around the map
    if not (above and below):
        rows = ([first - 1 + above], [stop + 1 - below], [1], [2])
        source = ops.slice(source, *map(ops.constant, rows)).output(0)
    down, along = transform
    columns = _sums(source, down, 0, (above, below + (first - stop) % TILE))
    return [x for y in columns for x in _sums(y.output(0), along, 1, (1, 1 + -width % TILE))]


def _sums(source: Output, kernels: list[Node], axis: int, pads: tuple[int, int]) -> list[Node]:
    """Return what each kernel makes of every tile along an axis, channel by channel."""
    from openvino import opset13 as ops

    stride, begin, end = [1, 1], [0, 0], [0, 0]
    stride[axis] = TILE
    begin[axis], end[axis] = pads
    return [ops.group_convolution(source, kernel, stride, begin, end, [1, 1]) for kernel in kernels]


def _result(
    maps: list[Node], kernels: list[Node], bias: NDArray[np.float32] | None, is_rectified: bool
) -> Node:
    """Return the result (N, 4 tiles down, 4 tiles along, O) from B^T d B and G g G^T."""
    from openvino import opset13 as ops

    products = [
        ops.convolution(x, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
        for x, kernel in zip(maps, kernels, strict=True)
    ]
    num, filters, down, along = products[0].get_output_shape(0)
    # in memory OpenVINO has the channels innermost: neither this transpose nor that of `_connect`
    # moves anything
    places = ops.transpose(ops.concat(products, 0), ops.constant([0, 2, 3, 1]))
    places = ops.reshape(places, ops.constant([PLACES**2, -1]), False)
    matrix = np.kron(RESULT, RESULT).astype(np.float32)
    tiles = ops.matmul(ops.constant(matrix), places, False, False)
    tiles = ops.reshape(tiles, ops.constant([TILE, TILE, num, down, along, filters]), False)
    if bias is not None:
        tiles = ops.add(tiles, ops.constant(bias))
    if is_rectified:
        tiles = ops.relu(tiles)
    tiles = ops.transpose(tiles, ops.constant([2, 3, 0, 4, 1, 5]))
    return ops.reshape(tiles, ops.constant([num, TILE * down, TILE * along, filters]), False)


def _what_follows(node: Node) -> tuple[Output, NDArray[np.float32] | None, bool]:
    """Return the last output, the bias (O,), and whether there is a ReLU.

    They are only looked for where nothing else reads what comes before.
    """
    last, bias = node.output(0), None
    follower = _only_reader(last)
    if follower is not None and follower.get_type_name() == "Add":
        others = [port.get_source_output().get_node() for port in follower.inputs()]
        values = [x.data for x in others if x.get_type_name() == "Constant"]
        if values and values[0].shape == (1, node.get_output_shape(0)[1], 1, 1):
            last, bias = follower.output(0), values[0].ravel()
            follower = _only_reader(last)
    if follower is not None and follower.get_type_name() == "Relu":
        return follower.output(0), bias, True
    return last, bias, False


def _only_reader(output: Output) -> Node | None:
    readers = list(output.get_target_inputs())
    return readers[0].get_node() if len(readers) == 1 else None


def _connect(whole: Node, last: Output) -> None:
    """Let all that read `last` (N, C, H, W) read `whole` (N, H, W, C) instead."""
    from openvino import opset13 as ops

    for reader in last.get_target_inputs():
        transpose = reader.get_node()
        if transpose.get_type_name() == "Transpose":
            order = transpose.input_value(1).get_node()
            if order.get_type_name() == "Constant" and order.data.tolist() == [0, 2, 3, 1]:
                transpose.output(0).replace(whole.output(0))
    result = ops.transpose(whole, ops.constant([0, 3, 1, 2]))
    result.set_friendly_name(last.get_node().get_friendly_name())
    last.replace(result.output(0))
