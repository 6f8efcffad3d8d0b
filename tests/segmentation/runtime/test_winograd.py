"""Convolutions with fewer multiplications give the numbers of the direct ones."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from segmentation.runtime import openvino_network
from segmentation.runtime.winograd import POINTS, TILE, transforms, use_winograd

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def convolved(x: Any, weights: Any, *, stride: int = 1, pad: int = 1, dilation: int = 1) -> Any:
    return ops.convolution(x, weights, [stride] * 2, [pad] * 2, [pad] * 2, [dilation] * 2)


def outputs(model: Any, arrays: list[np.ndarray]) -> list[np.ndarray]:
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    return [np.array(x) for x in compiled(arrays).values()]


def assert_same_numbers(model: Any, num_replaced: int) -> list[str]:
    """Replaces what pays; returns the kinds of operations then in the model."""
    arrays = [normal(*x.shape) for x in model.inputs]
    wanted = outputs(model, arrays)
    assert use_winograd(model) == num_replaced
    for found, direct in zip(outputs(model, arrays), wanted, strict=True):
        assert found.shape == direct.shape
        assert np.abs(found - direct).max() < 1e-5 * np.abs(direct).max()
    return [node.get_type_name() for node in model.get_ordered_ops()]


@pytest.mark.parametrize("points", [POINTS, (0, 1, -1, 2, -2)])
def test_a_tile_along_one_axis(points: tuple) -> None:
    result, kernel, inputs = transforms(points)
    weights, values = RNG.normal(size=3), RNG.normal(size=TILE + 2)
    found = result @ ((kernel @ weights) * (inputs @ values))
    np.testing.assert_allclose(found, np.correlate(values, weights), atol=1e-12)


def test_the_published_transforms() -> None:
    """Lavin & Gray 2016, section 4.3, up to signs and the shares of G and B in each place."""
    result, kernel, inputs = transforms((0, 1, -1, 2, -2))
    assert result.tolist()[3] == [0, 1, -1, 8, -8, 1]
    assert np.abs(inputs).tolist()[0] == [4, 0, 5, 0, 1, 0]
    assert [Fraction(x).limit_denominator(100) for x in kernel[3]] == [
        Fraction(1, 24),
        Fraction(1, 12),
        Fraction(1, 6),
    ]


@pytest.mark.parametrize(
    ("num", "size_hw", "filters"),
    [(1, (64, 64), 160), (1, (61, 67), 160), (1, (150, 130), 160), (5, (30, 30), 256)],
)
@pytest.mark.parametrize("follows", ["nothing", "bias", "bias and ReLU", "ReLU"])
def test_same_numbers(num: int, size_hw: tuple, filters: int, follows: str) -> None:
    x = ops.parameter([num, 96, *size_hw], np.float32)
    y = convolved(x, ops.constant(normal(filters, 96, 3, 3)))
    if "bias" in follows:
        y = ops.add(y, ops.constant(10 * normal(1, filters, 1, 1)))
    if "ReLU" in follows:
        y = ops.relu(y)
    kinds = assert_same_numbers(openvino.Model([y], [x]), 1)
    assert kinds.count("Convolution") == (36 if size_hw[0] < 128 else 3 * 36)  # in strips


def test_one_kernel_on_two_maps_that_several_read() -> None:
    """The bias and the ReLU are not the only readers, one reader wants channels last."""
    weights = ops.constant(normal(160, 96, 3, 3))
    inputs = [ops.parameter([1, 96, side, side], np.float32) for side in (64, 80)]
    results = []
    for x in inputs:
        plain = convolved(x, weights)
        biased = ops.add(plain, ops.constant(normal(1, 160, 1, 1)))
        last = ops.transpose(biased, ops.constant([0, 2, 3, 1]))
        results += [plain, ops.relu(biased), ops.reduce_max(last, ops.constant([3]), False)]
    assert_same_numbers(openvino.Model(results, inputs), 2)


def test_a_constant_that_is_no_bias_stays_one() -> None:
    x = ops.parameter([1, 96, 64, 64], np.float32)
    y = ops.add(convolved(x, ops.constant(normal(160, 96, 3, 3))), ops.constant(normal(64, 64)))
    assert_same_numbers(openvino.Model([y], [x]), 1)


@pytest.mark.parametrize(
    ("shape", "kernel", "settings"),
    [
        ((1, 64, 128, 128), (64, 64, 3, 3), {}),  # few channels
        ((1, 256, 20, 20), (256, 256, 3, 3), {}),  # a small map
        ((1, 96, 128, 128), (160, 96, 3, 3), {"stride": 2}),
        ((1, 96, 64, 64), (160, 96, 3, 3), {"pad": 0}),
        ((1, 96, 64, 64), (160, 96, 3, 3), {"pad": 2, "dilation": 2}),
        ((1, 160, 96, 96), (320, 160, 1, 1), {"pad": 0}),
        ((1, 96, -1, 64), (160, 96, 3, 3), {}),  # a size that is not settled
    ],
)
def test_left_alone(shape: tuple, kernel: tuple, settings: dict) -> None:
    x = ops.parameter(list(shape), np.float32)
    model = openvino.Model([convolved(x, ops.constant(normal(*kernel)), **settings)], [x])
    before = len(model.get_ordered_ops())
    assert use_winograd(model) == 0
    assert len(model.get_ordered_ops()) == before


def test_weights_that_are_computed_are_left_alone() -> None:
    x = ops.parameter([1, 96, 64, 64], np.float32)
    weights = ops.parameter([160, 96, 3, 3], np.float32)
    assert use_winograd(openvino.Model([convolved(x, weights)], [x, weights])) == 0


def test_within_a_loop() -> None:
    x = ops.parameter([1, 128, 64, 64], np.float32)
    inside = ops.parameter([1, 128, 64, 64], np.float32)
    weights = normal(128, 128, 3, 3) / np.float32(30)
    result = ops.relu(convolved(inside, ops.constant(weights)))
    body = openvino.Model([result, ops.constant(np.array(True))], [inside])
    loop = ops.loop(ops.constant(2), ops.constant(np.array(True)))
    loop.set_function(body)
    loop.set_special_body_ports([-1, 1])
    loop.set_merged_input(inside, x.output(0), result.output(0))
    kinds = assert_same_numbers(openvino.Model([loop.get_iter_value(result.output(0), -1)], [x]), 1)
    assert "Loop" in kinds


def test_a_network_is_compiled_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = ops.parameter([1, 128, 64, 64], np.float32)
    layer = convolved(image, ops.constant(normal(128, 128, 3, 3)))
    model = openvino.Model([layer], [image], "one layer")
    openvino.save_model(model, tmp_path / "network.xml", compress_to_fp16=False)
    replaced: list[int] = []
    monkeypatch.setattr(
        openvino_network, "use_winograd", lambda model: replaced.append(use_winograd(model))
    )
    values = normal(1, 128, 64, 64)
    (found,) = openvino_network.OpenVINONetwork(tmp_path / "network.xml", 1)(values)
    assert replaced == [1]
    (direct,) = outputs(model, [values])
    assert np.abs(found - direct).max() < 1e-5 * np.abs(direct).max()
