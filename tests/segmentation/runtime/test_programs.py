"""One program for each shape of inputs, whatever is in them, on Keras' backend as it is here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from segmentation.runtime import programs  # noqa: E402
from segmentation.runtime.keras_network import KerasNetwork  # noqa: E402

IMAGE = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)


def summing(shapes: Any, dtype: str) -> Any:
    """Return a network from an image and a state to their sum and the next state."""
    image = keras.Input(batch_shape=(shapes[0][0], None, None, 3), name="image")
    state = keras.Input(batch_shape=shapes[1], name="state")
    total = keras.ops.sum(image, axis=(1, 2, 3))[:, None]
    scaled = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")(total)
    return keras.Model([image, state], [scaled + state, state + 1])


def halved(image: Any, state: Any) -> tuple[Any, Any]:
    return keras.ops.cast(image, "float32") / 2, state


def test_a_shape_is_compiled_once_whatever_is_in_it() -> None:
    network = KerasNetwork(summing, "cpu").preparing(halved)
    zero = np.zeros((1, 1), np.float32)
    for image in (IMAGE, IMAGE * 0, IMAGE + 7):
        total, after = network(image, zero)
        assert total.tolist() == [[image.sum() / 2]]
        assert after.tolist() == [[1]]
    assert network.num_compiled == 1
    network(IMAGE[:, :1], zero)
    assert network.num_compiled == 2
    both, _ = network(np.concatenate([IMAGE, IMAGE + 1]), np.zeros((2, 1), np.float32))
    assert both.tolist() == [[IMAGE.sum() / 2], [(IMAGE.sum() + 24) / 2]]
    assert network.num_compiled == 3


def test_what_is_not_fetched_stays_on_the_device_and_can_be_given_again() -> None:
    network = KerasNetwork(summing, "cpu", num_fetched=1).preparing(halved)
    state: Any = np.zeros((1, 1), np.float32)
    for turn in range(3):
        total, state = network(IMAGE, state)
        assert isinstance(total, np.ndarray)
        assert not isinstance(state, np.ndarray)
        assert total.tolist() == [[IMAGE.sum() / 2 + turn]]
    assert network.num_compiled == 1


def test_the_same_network_with_something_else_before_it() -> None:
    network = KerasNetwork(summing, "cpu").preparing(halved)
    zero = np.zeros((1, 1), np.float32)
    network(IMAGE, zero)
    other = network.preparing(lambda image, state: (keras.ops.cast(image, "float32"), state))
    assert other(IMAGE, zero)[0].tolist() == [[IMAGE.sum()]]
    assert network(IMAGE, zero)[0].tolist() == [[IMAGE.sum() / 2]]
    assert list(other.networks.values()) == list(network.networks.values())


def test_programs_of_many_shapes_are_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    if keras.backend.backend() not in ("tensorflow", "jax"):
        pytest.skip("nothing is compiled")
    monkeypatch.setattr(programs, "MAX_COMPILED", 2)
    whole = summing([(1,), (1, 1)], "float32")
    network = KerasNetwork(lambda *_: whole, "cpu")
    zero = np.zeros((1, 1), np.float32)
    compiled = []
    for height in (1, 2, 1, 2, 3, 1):
        image = np.ones((1, height, 1, 3), np.float32)
        assert network(image, zero)[0].tolist() == [[3 * height]]
        compiled.append(network.num_compiled)
    assert compiled == [1, 2, 2, 2, 3, 4]
