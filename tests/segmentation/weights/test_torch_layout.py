"""State dicts of PyTorch in Keras networks: layers that compute the same, and only whole files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from keras import layers, ops  # noqa: E402

from segmentation.errors import WeightsError  # noqa: E402
from segmentation.parts.convolutions import padded_conv, stored_norm  # noqa: E402
from segmentation.parts.roi_align import WholeCrop  # noqa: E402
from segmentation.weights.torch_layout import load_state_dict  # noqa: E402
from tests.segmentation.weights.saved import TORCH_SAVED  # noqa: E402

PATH = Path("weights.pth")


def network() -> keras.Model:
    """Return one layer of each kind that the networks have."""
    image = keras.Input(batch_shape=(2, 8, 6, 3))
    x = padded_conv(image, 4, 3, stride=2, use_bias=False, name="stem.conv")
    x = stored_norm(x, "stem.norm")
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="wide")(x)
    x = layers.GroupNormalization(2, epsilon=1e-5, name="groups")(x)
    x = layers.Conv2DTranspose(5, 2, strides=2, name="enlarge")(x)
    x = layers.Dense(7, name="fc2")(WholeCrop(9, name="fc1")(ops.expand_dims(x, 0)))
    return keras.Model(image, x)


def saved() -> dict[str, np.ndarray]:
    """Return these layers' tensors in PyTorch, an image and what PyTorch makes of it."""
    with np.load(TORCH_SAVED / "layers.npz") as archive:
        return dict(archive)


def state_dict() -> dict[str, np.ndarray]:
    return {name: tensor for name, tensor in saved().items() if "." in name}


def test_layers_compute_the_same() -> None:
    made = network()
    load_state_dict(made, state_dict(), PATH)
    found = keras.ops.convert_to_numpy(made(saved()["IMAGE"])).reshape(2, 7)
    np.testing.assert_allclose(found, saved()["RESULT"], rtol=1e-4)


def test_a_slash_in_a_name_is_a_dot() -> None:
    tensors = {name.replace("stem.", "stem/"): tensor for name, tensor in state_dict().items()}
    assert tensors.keys() != state_dict().keys()
    with_slashes, with_dots = network(), network()
    load_state_dict(with_slashes, tensors, PATH)
    load_state_dict(with_dots, state_dict(), PATH)
    for one, other in zip(with_slashes.variables, with_dots.variables, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fc2.bias": None}, "1 tensors missing: fc2.bias; give a file"),
        ({"more.bias": np.zeros(3)}, "1 tensors not in the network: more.bias"),
        ({"fc2.bias": np.zeros(8, np.float32)}, r"of another shape: fc2.bias \(8,\) instead of"),
        ({"fc2.bias": np.full(7, np.nan)}, "fc2.bias has values that are not finite"),
        ({"fc2.bias": "text"}, "fc2.bias is no array of numbers"),
        ({"fc2.bias": np.zeros(7, bool)}, "fc2.bias is no array of numbers"),
    ],
)
def test_a_file_that_differs_changes_nothing(change: dict, message: str) -> None:
    tensors = {k: v for k, v in {**state_dict(), **change}.items() if v is not None}
    made = network()
    before = [keras.ops.convert_to_numpy(variable) for variable in made.variables]
    with pytest.raises(WeightsError, match=f"^weights.pth: .*{message}"):
        load_state_dict(made, tensors, PATH)
    for variable, wanted in zip(made.variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), wanted)
