"""A Keras network as an OpenVINO model: the same numbers, nothing needless left in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from keras import layers, ops  # noqa: E402

if keras.backend.backend() != "tensorflow":
    pytest.skip("the export goes through TensorFlow", allow_module_level=True)

import openvino  # noqa: E402

from segmentation.runtime.openvino_export import export, to_openvino  # noqa: E402
from tests.stand_ins.small_disk import small_disk  # noqa: E402


class Doubling(layers.Layer):
    """A convolution in a loop, as the mask head is."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = layers.Conv2D(5, 3, padding="same", bias_initializer="ones")

    def build(self, shape: tuple) -> None:
        self.conv.build(shape)

    def call(self, x):  # type: ignore[no-untyped-def]
        return ops.fori_loop(0, 2, lambda _, y: ops.tanh(self.conv(y)), x)

    def compute_output_spec(self, x):  # type: ignore[no-untyped-def]
        return keras.KerasTensor(x.shape)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """One convolution reads two maps, as the RPN does, with a normalisation behind it."""
    keras.utils.set_random_seed(0)
    inputs = [keras.Input(batch_shape=(1, size, size, 3)) for size in (16, 8)]
    shared = layers.Conv2D(5, 3, padding="same", activation="relu", bias_initializer="normal")
    norm = layers.BatchNormalization(
        gamma_initializer="random_normal",
        moving_variance_initializer=keras.initializers.RandomUniform(0.5, 2),
    )
    loop = Doubling()
    return keras.Model(inputs, [loop(norm(shared(x), training=False)) for x in inputs])


def arrays(network: keras.Model) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=x.shape).astype(np.float32) for x in network.inputs]


def test_same_numbers(network: keras.Model, tmp_path: Path) -> None:
    export(network, tmp_path / "network.xml")
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(tmp_path / "network.xml", "CPU", settings)
    found = list(compiled(arrays(network)).values())
    for one, wanted in zip(found, network(arrays(network)), strict=True):
        assert np.abs(one).max() > 0.1
        np.testing.assert_allclose(one, ops.convert_to_numpy(wanted), atol=1e-5)


def test_only_the_networks_inputs_are_left(network: keras.Model) -> None:
    model = to_openvino(network)
    assert [tuple(x.get_shape()) for x in model.inputs] == [x.shape for x in network.inputs]
    kinds = {node.get_type_name() for node in model.get_ordered_ops()}
    assert not kinds & {"Sqrt", "Power", "Divide", "BatchNormInference"}  # worked out already


def test_every_convolution_can_take_its_own_bias(network: keras.Model) -> None:
    users: list[int] = []
    for node in to_openvino(network).get_ordered_ops():
        if node.get_type_name() == "Add":
            sources = [port.get_source_output() for port in node.inputs()]
            constants = [x for x in sources if x.get_node().get_type_name() == "Constant"]
            users += [len(x.get_target_inputs()) for x in constants]
    assert len(users) >= 2
    assert set(users) == {1}


def test_a_disk_without_room_is_told_as_such(
    network: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openvino import Model, opset13

    number = opset13.parameter([1], np.float32)
    large = opset13.constant(np.random.default_rng(0).random(200_000, np.float32))
    model = Model([opset13.add(number, large)], [number])
    monkeypatch.setattr("segmentation.runtime.openvino_export.to_openvino", lambda _: model)
    with small_disk(tmp_path / "small", 100_000) as disk:
        with pytest.raises(OSError, match="No space left on device"):
            export(network, disk / "network.xml")
