"""A network run by Keras itself."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from segmentation.runtime.keras_network import KerasNetwork
from tests.folders import ROOT
from tests.stand_ins.fake_keras import FakeKeras, import_instead


class Doubling:
    """A network of its own for each shape."""

    def __init__(self, shapes: tuple[tuple[int, ...], ...], dtype: str) -> None:
        self.shapes, self.dtype = shapes, dtype

    def __call__(self, array: Any) -> Any:
        assert (tuple(array.shape),) == self.shapes
        return array * 2


@pytest.mark.parametrize(
    ("devices", "used"),
    [(["gpu:0", "gpu:1"], "gpu:0"), (["cpu:0", "gpu:0", "gpu:1", "gpu:2"], "gpu:0")],
)
def test_of_several_gpus_the_first_is_used(monkeypatch, devices, used):
    keras = FakeKeras(devices, backend="another")
    import_instead(monkeypatch, lambda: keras)
    made = KerasNetwork(Doubling, "gpu", "auto")
    assert made.device == "GPU (Keras on another, float32)"
    for num in (1, 3, 1):
        (doubled,) = made(np.ones((num, 2), np.float32))
        assert doubled.tolist() == [[2, 2]] * num
    assert keras.used == [used] * 3


@pytest.mark.parametrize(
    ("devices", "device", "precision", "message"),
    [
        (["cpu:0"], "gpu", "auto", r"device gpu: Keras \(\w+\) sees none; .* check nvidia-smi"),
        (["cpu:0"], "cpu", "tf32", "precision tf32: only on an NVIDIA GPU"),
        (["gpu:0"], "gpu", "tf32", "precision tf32: .* with TensorFlow or JAX"),
    ],
)
def test_what_keras_cannot_do_is_one_line(monkeypatch, devices, device, precision, message):
    import_instead(monkeypatch, lambda: FakeKeras(devices, backend="another"))
    with pytest.raises(ValueError, match=message) as caught:
        KerasNetwork(Doubling, device, precision)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("precision", "said", "allowed"),
    [
        ("auto", "tf32", True),
        ("tf32", "tf32", True),
        ("float32", "float32", False),
        ("bfloat16", "bfloat16", True),
    ],
)
def test_tf32_on_a_gpu_is_the_default_and_can_be_refused(monkeypatch, precision, said, allowed):
    tf = pytest.importorskip("tensorflow")
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    keras = FakeKeras(["gpu:0"], backend="tensorflow")
    import_instead(monkeypatch, lambda: keras)
    tf.config.experimental.enable_tensor_float_32_execution(not allowed)
    try:
        network = KerasNetwork(Doubling, "gpu", precision)
        assert network.device == f"GPU (Keras on tensorflow, {said})"
        assert tf.config.experimental.tensor_float_32_execution_enabled() == allowed
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


@pytest.mark.parametrize(
    ("precision", "said", "rounding"),
    [
        ("auto", "tf32", "tensorfloat32"),
        ("tf32", "tf32", "tensorfloat32"),
        ("float32", "float32", "highest"),
        ("bfloat16", "bfloat16", "tensorfloat32"),
    ],
)
def test_jax_rounds_on_a_gpu_as_it_is_told(monkeypatch, precision, said, rounding):
    jax = pytest.importorskip("jax")
    seen = []

    def make(shapes, dtype):
        seen.append((jax.config.jax_default_matmul_precision, dtype))
        return SimpleNamespace(
            trainable_variables=[],
            non_trainable_variables=[],
            stateless_call=lambda weights, others, array: (array * 2, []),
        )

    import_instead(monkeypatch, lambda: FakeKeras(["gpu:0"]))
    network = KerasNetwork(make, "gpu", precision)
    assert network.device == f"GPU (Keras on jax, {said})"
    assert network(np.ones((1, 2), np.float32))[0].tolist() == [[2, 2]]
    assert seen == [(rounding, "bfloat16" if precision == "bfloat16" else "float32")]
    assert jax.config.jax_default_matmul_precision != rounding


def test_what_a_library_prints_while_it_is_loaded_is_not_seen():
    pytest.importorskip("keras")
    program = (
        "from segmentation.runtime.keras_network import import_keras; keras = import_keras(); "
        "keras.ops.ones(1); print(keras.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "keras\n", "")
