"""Other operations for the same numbers, in 8-bit models."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from segmentation.portrait.segmenter import EXPORT
from segmentation.training.bundled.faster_graph import make_faster


def rounded(maps: Any, low: float, high: float) -> Any:
    ends = [ops.constant(np.float32(value)) for value in (low, high, low, high)]
    return ops.fake_quantize(maps, *ends, 256)


def convolved(maps: Any, filters: int, size: int, *, relu: bool = True, stride: int = 1) -> Any:
    """A convolution as nncf leaves it: weights in 8 bits, bias, activation."""
    channels = maps.output(0).get_partial_shape()[1].get_length()
    rng = np.random.default_rng(filters)
    kernel = rng.integers(-127, 128, (filters, channels, size, size)).astype(np.int8)
    scales = rng.uniform(0.5, 1.5, (filters, 1, 1, 1)) / (99 * size * channels**0.5)
    weights = ops.multiply(
        ops.convert(ops.constant(kernel), "f32"), ops.constant(scales.astype(np.float32))
    )
    steps = [stride, stride]
    maps = ops.convolution(maps, weights, steps, [0, 0], [0, 0], [1, 1], auto_pad="same_upper")
    bias = rng.normal(0, 0.2, (1, filters, 1, 1)).astype(np.float32)
    maps = ops.add(maps, ops.constant(bias))
    return ops.relu(maps) if relu else maps


def enlarged(maps: Any, high: float) -> Any:
    order = [ops.constant(np.array(axes, np.int64)) for axes in ([0, 2, 3, 1], [0, 3, 1, 2])]
    maps = ops.interpolate(
        ops.transpose(maps, order[0]),
        ops.constant(np.array([2, 2], np.float32)),
        "linear_onnx",
        "scales",
        axes=ops.constant(np.array([1, 2], np.int64)),
        coordinate_transformation_mode="half_pixel",
    )
    return ops.transpose(rounded(maps, 0, high), order[1])


def run(model: Any, maps: np.ndarray) -> np.ndarray:
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    return openvino.compile_model(model, "CPU", settings)(maps)[0].copy()


def before_and_after(channels: int, build: Any, size_hw: tuple[int, int]) -> tuple[Any, ...]:
    """Results for maps of that size of a model of any size, and the operations it has then."""
    source = ops.parameter([1, channels, -1, -1], np.float32)
    model = openvino.Model([build(rounded(source, 0, 2))], [source], "test")
    maps = np.random.default_rng(1).uniform(0, 2, (1, channels, *size_hw)).astype(np.float32)
    before = run(model, maps)
    assert before.max() > before.min() or before.size == channels
    replaced = make_faster(model)
    after = run(model, maps)
    model.reshape([1, channels, *size_hw])
    np.testing.assert_array_equal(run(model, maps), after)
    return before, after, replaced, Counter(node.get_type_name() for node in model.get_ops())


@pytest.mark.parametrize("size_hw", [(4, 4), (10, 6), (7, 9)])
def test_average_and_convolution_after_it(size_hw):
    before, after, replaced, kinds = before_and_after(
        16, lambda x: convolved(rounded(average(x), 0, 1.2), 24, 1, relu=False), size_hw
    )
    assert (replaced, kinds["AvgPool"]) == (1, 0)
    assert after.shape == (1, 24, size_hw[0] // 2, size_hw[1] // 2)
    np.testing.assert_array_equal(after, before)


def average(maps: Any) -> Any:
    return ops.avg_pool(maps, [2, 2], [0, 0], [0, 0], [2, 2], exclude_pad=True)


def test_average_of_many_channels_is_left_alone():
    before, after, replaced, kinds = before_and_after(
        48, lambda x: rounded(average(x), 0, 1.2), (4, 6)
    )
    assert (replaced, kinds["AvgPool"]) == (0, 1)
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 4), (2, 3), (5, 7), (12, 22)])
def test_interpolation_to_twice_the_size(size_hw):
    before, after, replaced, kinds = before_and_after(8, lambda x: enlarged(x, 1.8), size_hw)
    assert (replaced, kinds["Interpolate"]) == (1, 0)
    assert after.shape == (1, 8, 2 * size_hw[0], 2 * size_hw[1])
    # where a value lies half-way between two of 256, which is next is up to float32's rounding
    np.testing.assert_allclose(after, before, rtol=0, atol=1.01 * 1.8 / 255)
    assert (np.abs(after - before) > 1e-6).mean() < 0.01


@pytest.mark.parametrize(("filters", "size_hw"), [(8, (5, 14)), (8, (1, 2)), (1, (9, 24))])
def test_convolution_of_few_results(filters, size_hw):
    before, after, replaced, _ = before_and_after(
        8, lambda x: rounded(convolved(x, filters, 3), 0, 1.5), size_hw
    )
    assert replaced == 1
    assert after.shape == (1, filters, *size_hw)
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-6)


@pytest.mark.parametrize("settings", [{"filters": 16, "size": 3}, {"filters": 8, "size": 1}])
def test_other_convolutions_are_left_alone(settings):
    assert before_and_after(8, lambda x: convolved(x, **settings), (4, 8))[2] == 0
    strided = before_and_after(8, lambda x: convolved(x, 8, 3, stride=2), (4, 8))
    assert strided[2] == 0


def test_end_of_a_decoder():
    def build(maps: Any) -> Any:
        fine = rounded(convolved(maps, 8, 1, relu=False), -1, 1.5)
        low = rounded(convolved(rounded(average(maps), 0, 1.9), 8, 1), 0, 1.3)
        both = rounded(ops.add(enlarged(low, 1.2), fine), -1, 2.4)
        return convolved(rounded(convolved(both, 8, 3), 0, 3), 1, 3, relu=False)

    before, after, replaced, _ = before_and_after(16, build, (32, 48))
    assert replaced == 4
    assert before.std() > 0.05
    np.testing.assert_allclose(after, before, rtol=0, atol=0.05)
    assert np.abs(after - before).mean() < 1e-3


def test_bundled_model_is_made_faster_already():
    model = openvino.Core().read_model(EXPORT)
    assert make_faster(model) == 0
    kinds = Counter(node.get_type_name() for node in model.get_ops())
    assert (kinds["AvgPool"], kinds["Interpolate"]) == (2, 3)
