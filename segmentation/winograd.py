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
#: below these the transforms take longer than the products they save (channels: the harmonic mean
#: of those in and out), or a model is run some dozens of times until it has made up for what its
#: larger graph takes to compile, 50 ms a convolution
MIN_CHANNELS = 96
MIN_MULTIPLICATIONS = 5e8


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
    multiplications = 9 * num * math.prod(size_hw) * channels * filters
    return bool(harmonic_mean >= MIN_CHANNELS and multiplications >= MIN_MULTIPLICATIONS)


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

    num, filters, height, width = node.get_output_shape(0)
    last, bias, is_rectified = _what_follows(node)
    products = [
        ops.convolution(x, w, [1, 1], [0, 0], [0, 0], [1, 1])
        for x, w in zip(_transformed_input(node.input_value(0)), kernels, strict=True)
    ]
    down, along = products[0].get_output_shape(0)[2:]
    # in memory OpenVINO has the channels innermost: neither this nor the last transpose moves any
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
    whole = ops.reshape(tiles, ops.constant([num, TILE * down, TILE * along, filters]), False)
    if (TILE * down, TILE * along) != (height, width):
        start, stop, step, axes = ([0, 0], [height, width], [1, 1], [1, 2])
        whole = ops.slice(whole, *map(ops.constant, (start, stop, step, axes)))
    _connect(whole, last)


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
    is_rectified = follower is not None and follower.get_type_name() == "Relu"
    return follower.output(0) if is_rectified else last, bias, is_rectified


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


def _transformed_input(source: Output) -> list[Node]:
    """Return B^T d B of a map (N, C, H, W): 36 maps (N, C, tiles down, tiles along)."""
    down, along = (_kernels_along(axis, source.get_shape()[1]) for axis in (0, 1))
    strips = _sums(source, down, axis=0)
    return [x for strip in strips for x in _sums(strip.output(0), along, axis=1)]


def _kernels_along(axis: int, channels: int) -> list[Node]:
    """Return the rows of B^T, without leading zeros, as kernels of convolutions along an axis."""
    from openvino import opset13 as ops

    rows = [row[np.flatnonzero(row)[0] :].astype(np.float32) for row in INPUT]
    shapes = [(len(row), 1) if axis == 0 else (1, len(row)) for row in rows]
    return [
        ops.constant(np.tile(row.reshape(1, 1, 1, *shape), (channels, 1, 1, 1, 1)))
        for row, shape in zip(rows, shapes, strict=True)
    ]


def _sums(source: Output, kernels: list[Node], axis: int) -> list[Node]:
    """Return what each kernel makes of every tile, channel by channel."""
    from openvino import opset13 as ops

    side = source.get_shape()[2 + axis]
    stride, begin, end = [1, 1], [0, 0], [0, 0]
    stride[axis] = TILE
    end[axis] = -side % TILE + 1
    sums = []
    for kernel in kernels:
        # the first tile begins at the zero before the map
        begin[axis] = 1 - (PLACES - kernel.get_output_shape(0)[3 + axis])
        sums.append(ops.group_convolution(source, kernel, stride, begin, end, [1, 1]))
    return sums
