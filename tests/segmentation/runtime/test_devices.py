"""Where a network runs, and what is said of a GPU that cannot be used."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from segmentation.errors import WeightsError
from segmentation.loading import choose_model
from segmentation.pip_command import install_extra
from segmentation.runtime import compiling, keras_network
from segmentation.runtime import devices as runtime
from segmentation.runtime.keras_network import KerasNetwork
from segmentation.runtime.openvino_network import OpenVINONetwork
from segmentation.segmenter import Options
from tests.folders import ROOT


def compiled(options: Options, **settings: Any) -> Any:
    return compiling.compile_network(
        lambda: None, Path("weights.h5"), "mask-rcnn 320", options, **settings
    )


def import_instead(monkeypatch: pytest.MonkeyPatch, imported: Callable[[], Any]) -> None:
    """Let `imported` give what is there in Keras' place."""
    for module in (keras_network, runtime):
        monkeypatch.setattr(module, "import_keras", imported)


@pytest.fixture
def unusable_gpu(monkeypatch):
    """A machine with a GPU that Keras does not see."""
    for module in (compiling, runtime):
        monkeypatch.setattr(module, "gpu_present", lambda: True)
    import_instead(monkeypatch, lambda: FakeKeras(["cpu:0"]))
    monkeypatch.setattr(compiling, "cached_export", lambda *_: Path("network.xml"))
    monkeypatch.setattr(
        compiling, "OpenVINONetwork", lambda path, threads: SimpleNamespace(device="CPU")
    )


def test_gpu_that_nobody_asked_for_is_done_without_and_named(unusable_gpu):
    device = compiled(Options()).device
    assert device == "CPU; the NVIDIA GPU is unused, see doctor"
    assert compiled(Options(device="cpu")).device == "CPU"


@pytest.mark.parametrize("options", [Options(device="gpu"), Options(backend="keras")])
def test_gpu_asked_for_and_absent_is_an_error(unusable_gpu, options):
    with pytest.raises(ValueError, match=r"device gpu: Keras \(jax\) sees none"):
        compiled(options)


def test_backend_follows_the_device(monkeypatch):
    monkeypatch.setattr(runtime, "gpu_usable", lambda: True)
    assert runtime.chosen_backend("auto", "auto", prefer_gpu=True) == "keras"
    assert runtime.chosen_backend("auto", "auto", prefer_gpu=False) == "openvino"
    assert runtime.chosen_backend("auto", "cpu", prefer_gpu=True) == "openvino"
    assert runtime.chosen_backend("auto", "gpu", prefer_gpu=False) == "keras"
    monkeypatch.setattr(runtime, "gpu_usable", lambda: False)
    assert runtime.chosen_backend("auto", "auto", prefer_gpu=True) == "openvino"
    with pytest.raises(ValueError, match="runs on the CPU here"):
        runtime.chosen_backend("openvino", "gpu", prefer_gpu=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(backend="openvino", precision="tf32"), "computes in float32 here"),
        (Options(backend="keras", device="cpu", precision="bfloat16"), "not with this network"),
    ],
)
def test_precision_that_cannot_be_had(options, message):
    with pytest.raises(ValueError, match=message):
        compiled(options)


# === What `--model auto` takes ===


@pytest.fixture
def machine(monkeypatch, tmp_path) -> SimpleNamespace:
    """A machine that can be given a GPU, a TensorFlow that sees it, and weights."""
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(runtime, "gpu_present", lambda: False)
    keras = FakeKeras(["cpu:0"])
    import_instead(monkeypatch, lambda: keras)
    return SimpleNamespace(
        add_gpu=lambda: monkeypatch.setattr(runtime, "gpu_present", lambda: True),
        add_cuda=lambda: keras.devices.append("gpu:0"),
        add_weights=lambda: (tmp_path / "mask_rcnn_coco.h5").write_bytes(b""),
    )


def chosen(*, asks_for_instances: bool = False, **options: Any) -> tuple[str, list[str]]:
    """Return what `--model auto` takes, and what a person is told of it."""
    told: list[str] = []
    loading = Options(on_message=told.append, **options)
    return choose_model(loading, asks_for_instances=asks_for_instances), told


def test_auto_takes_mask_rcnn_where_a_gpu_can_be_used_and_weights_are_there(machine):
    machine.add_gpu()
    machine.add_weights()
    machine.add_cuda()
    assert chosen() == ("mask-rcnn", [])
    assert chosen(device="gpu") == ("mask-rcnn", [])
    assert chosen(device="cpu") == ("portrait", [])
    assert chosen(backend="openvino") == ("portrait", [])


def test_auto_leaves_a_gpu_that_cannot_be_used_and_says_so(machine):
    assert chosen() == ("portrait", [])
    machine.add_gpu()
    unused = "the NVIDIA GPU is unused: {} for a network that needs it"
    assert chosen() == ("portrait", [unused.format("run.py models fetch mask-rcnn")])
    machine.add_weights()
    assert chosen() == ("portrait", [unused.format(install_extra("gpu"))])
    assert chosen(device="cpu") == ("portrait", [])
    # who asks for the GPU gets the network that needs it, and its error
    assert chosen(device="gpu") == ("mask-rcnn", [])


def test_auto_without_keras_leaves_the_gpu(machine, monkeypatch):
    def missing() -> None:
        raise ImportError("keras")

    machine.add_gpu()
    machine.add_weights()
    import_instead(monkeypatch, missing)
    name, told = chosen()
    assert name == "portrait"
    assert len(told) == 1


def test_auto_without_a_gpu_loads_no_keras(machine, monkeypatch):
    machine.add_weights()
    import_instead(monkeypatch, lambda: pytest.fail("loaded"))
    assert chosen() == ("portrait", [])


def test_auto_takes_the_bundled_network_for_people_alone(machine):
    assert chosen(asks_for_instances=True) == ("mask-rcnn-person", [])
    assert chosen(asks_for_instances=True, keep=["person"]) == ("mask-rcnn-person", [])
    for options in ({"keep": ["person", "dog"]}, {"classes": ["leaf"]}):
        with pytest.raises(WeightsError, match=r"run\.py models fetch mask-rcnn"):
            chosen(asks_for_instances=True, **options)


def test_auto_takes_the_network_whose_weights_are_given(machine):
    options = {"weights": Path("own.h5"), "classes": ["leaf"]}
    assert chosen(asks_for_instances=True, **options) == ("mask-rcnn", [])


def test_auto_without_a_gpu_takes_mask_rcnn_for_instances_alone(machine):
    machine.add_weights()
    assert chosen() == ("portrait", [])
    assert chosen(asks_for_instances=True) == ("mask-rcnn", [])


def test_an_nvidia_device_is_found_without_loading_anything(monkeypatch):
    monkeypatch.setattr(runtime.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert runtime.gpu_present()
    monkeypatch.setattr(runtime.shutil, "which", lambda name: None)
    monkeypatch.setattr(runtime.Path, "exists", lambda path: str(path) == "/dev/nvidia0")
    assert runtime.gpu_present()
    monkeypatch.setattr(runtime.Path, "exists", lambda path: False)
    assert not runtime.gpu_present()


# === Keras ===


class FakeKeras:
    """As much of Keras as shows which device is used."""

    def __init__(self, devices: list[str], backend: str = "jax") -> None:
        self.used: list[str] = []
        self.devices = devices
        self.backend = SimpleNamespace(backend=lambda: backend)
        self.distribution = SimpleNamespace(list_devices=lambda: devices)

    @contextlib.contextmanager
    def device(self, name: str) -> Iterator[None]:
        self.used.append(name)
        yield


class Doubling:
    """A network of its own for each shape."""

    def __init__(self, shapes: tuple[tuple[int, ...], ...]) -> None:
        self.shapes = shapes

    def predict_on_batch(self, array: np.ndarray) -> np.ndarray:
        assert (array.shape,) == self.shapes
        return array * 2


@pytest.mark.parametrize(
    ("devices", "used"),
    [(["gpu:0", "gpu:1"], "gpu:0"), (["cpu:0", "gpu:0", "gpu:1", "gpu:2"], "gpu:0")],
)
def test_of_several_gpus_the_first_is_used(monkeypatch, devices, used):
    keras = FakeKeras(devices)
    import_instead(monkeypatch, lambda: keras)
    made = KerasNetwork(Doubling, "gpu", "auto")
    assert made.device == "GPU (Keras on jax, float32)"
    for num in (1, 3, 1):
        (doubled,) = made(np.ones((num, 2), np.float32))
        assert doubled.tolist() == [[2, 2]] * num
    assert keras.used == [used] * 3


@pytest.mark.parametrize(
    ("devices", "device", "precision", "message"),
    [
        (["cpu:0"], "gpu", "auto", r"device gpu: Keras \(jax\) sees none; .* check nvidia-smi"),
        (["cpu:0"], "cpu", "tf32", "precision tf32: only on an NVIDIA GPU"),
        (["gpu:0"], "gpu", "tf32", "precision tf32: .* with TensorFlow"),
    ],
)
def test_what_keras_cannot_do_is_one_line(monkeypatch, devices, device, precision, message):
    import_instead(monkeypatch, lambda: FakeKeras(devices))
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


# === OpenVINO ===


@pytest.fixture
def doubling_model(tmp_path) -> Path:
    """A model of any length of input on disk."""
    import openvino
    from openvino import opset13 as ops

    given = ops.parameter([-1], np.float32)
    doubled = ops.multiply(given, ops.constant(np.float32(2)))
    openvino.save_model(openvino.Model([doubled], [given], "doubling"), tmp_path / "network.xml")
    return tmp_path / "network.xml"


def test_a_shape_is_compiled_once_while_it_is_among_the_last_few(doubling_model, monkeypatch):
    network = OpenVINONetwork(doubling_model, 1)
    compiled = []
    compile_ = network._compile
    monkeypatch.setattr(network, "_compile", lambda s: compiled.append(s[0][0]) or compile_(s))
    for num in (1, 2, 1, 3, 4, 5, 1, 6, 1, 2, 6):
        (doubled,) = network(np.ones(num, np.float32))
        assert doubled.tolist() == [2] * num
    assert compiled == [1, 2, 3, 4, 5, 6, 2]


def test_the_converter_of_networks_is_not_loaded_until_asked_for():
    program = (
        "import sys; from segmentation.loading import load; load('portrait'); "
        "print('openvino' in sys.modules, 'openvino.tools.ovc' in sys.modules); "
        "from openvino.tools.ovc import convert_model; print(callable(convert_model))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "True False\nTrue\n"), done.stderr
