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


def torch_network() -> tuple:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    stem = nn.Module()
    stem.add_module("conv", nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False))
    stem.add_module("norm", nn.BatchNorm2d(4))
    parts = nn.ModuleDict(
        {
            "stem": stem,
            "wide": nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False),
            "groups": nn.GroupNorm(2, 4),
            "enlarge": nn.ConvTranspose2d(4, 5, 2, stride=2),
            "fc1": nn.Linear(5 * 8 * 6, 9),
            "fc2": nn.Linear(9, 7),
        }
    )
    torch.manual_seed(0)
    for tensor in parts.state_dict().values():
        if tensor.dtype == torch.float32:
            tensor.uniform_(0.1, 1)
    return torch, parts.eval()


def state_dict() -> dict[str, np.ndarray]:
    _, parts = torch_network()
    tensors = {name: tensor.numpy() for name, tensor in parts.state_dict().items()}
    del tensors["stem.norm.num_batches_tracked"]
    return tensors


def test_layers_compute_the_same() -> None:
    torch, parts = torch_network()
    image = np.random.default_rng(0).normal(size=(2, 8, 6, 3)).astype(np.float32)
    with torch.no_grad():
        x = torch.from_numpy(image.transpose(0, 3, 1, 2).copy())
        for name in ("wide", "groups", "enlarge"):
            if name == "wide":
                x = parts["stem"].norm(parts["stem"].conv(x))
            x = parts[name](x)
        wanted = parts["fc2"](parts["fc1"](x.flatten(1))).numpy()
    made = network()
    load_state_dict(made, state_dict(), PATH)
    found = keras.ops.convert_to_numpy(made(image)).reshape(2, 7)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


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
