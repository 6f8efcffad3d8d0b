"""Weight files of CenterMask2: what fits, what may be ignored and what is refused."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from segmentation.centermask.network import build_network, load_network  # noqa: E402
from segmentation.centermask.published import (  # noqa: E402
    VARIANTS,
    Variant,
    num_foreground_classes,
    read_state_dict,
)
from segmentation.errors import WeightsError  # noqa: E402
from segmentation.loading import load  # noqa: E402
from segmentation.segmenter import Options  # noqa: E402
from segmentation.weights.torch_layout import torch_name  # noqa: E402
from segmentation.yolact.published import read_state_dict as read_yolact  # noqa: E402


def write_arrays(path: Path, saved: dict) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("w/data.pkl", pickle.dumps(saved, 2))
    return path


BIAS = "proposal_generator.fcos_head.cls_logits.bias"


def test_what_may_be_ignored(tmp_path: Path) -> None:
    tensors = {
        "pixel_mean": np.zeros((3, 1, 1), np.float32),
        BIAS: np.zeros(2, np.float32),
        "unknown.weight": np.zeros(1, np.float32),
        "pixel_std": np.ones((3, 1, 1), np.float32),
    }
    beside = {"optimizer": {"state": {0: np.zeros(3)}}, "scheduler": {"last": 9}, "iteration": 9}
    for saved in (tensors, {"model": tensors, **beside}):
        assert list(read_state_dict(write_arrays(tmp_path / "w.pth", saved))) == [
            BIAS,
            "unknown.weight",
        ]


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    variant = VARIANTS["centermask-lite-mobilenetv2"]
    path = write_arrays(tmp_path / "w.pth", {"model": [1]})
    with pytest.raises(WeightsError, match=r"w.pth: its entry model is no dict"):
        read_state_dict(path)
    with pytest.raises(WeightsError, match=rf"w.pth: no network of CenterMask2.* \({BIAS}"):
        num_foreground_classes({BIAS: 3}, Path("w.pth"))
    path = write_arrays(tmp_path / "w.pth", {"model": {BIAS: np.zeros(3, np.float32)}})
    with pytest.raises(WeightsError, match=r"w.pth: \d+ tensors missing: backbone"):
        load_network(path, variant)


def test_what_cannot_be_asked_for(tmp_path: Path) -> None:
    name = "centermask-lite-v39"
    path = write_arrays(tmp_path / "w.pth", {"model": {BIAS: np.zeros(2, np.float32)}})
    with pytest.raises(ValueError, match="at least 64, got 63"):
        load(name, Options(weights=path, size=63))
    with pytest.raises(ValueError, match="2 classes of its own"):
        load(name, Options(weights=path))
    with pytest.raises(ValueError, match="did you mean 'cat'"):
        load(name, Options(weights=path, classes=["cat", "dog"], keep=["cats"]))
    with pytest.raises(WeightsError, match=f"models fetch {name}"):
        load(name, Options())


def test_training_of_ones_own_has_its_classes(tmp_path: Path) -> None:
    """The number of classes comes from the file; everything saved is loaded."""
    variant = Variant(None, channels=32, num_convs=1, short_side=64, long_side=128)
    made = build_network(variant, 3)
    rng = np.random.default_rng(0)
    tensors = {}
    for variable in made.variables:
        value = rng.uniform(0.1, 1, variable.shape).astype(np.float32)
        variable.assign(value)
        order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(value.ndim, range(value.ndim))
        turned = value.transpose(order)
        if "maskiou_fc1.weight" in torch_name(variable):
            turned = turned.reshape(len(turned), -1)
        if value.ndim == 4 and "bottom_up" in variable.path and value.shape[-1] == 1:
            turned = value.transpose(2, 3, 0, 1)
        tensors[torch_name(variable)] = turned
    path = write_arrays(tmp_path / "w.pth", {"model": tensors})
    loaded = load_network(path, variant)
    assert loaded.inputs[2].shape == (1, 3)
    for variable, wanted in zip(loaded.variables, made.variables, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(variable), keras.ops.convert_to_numpy(wanted)
        )


@pytest.mark.parametrize(
    "key", [5, None, (1, 2), b"weight", 10**5000, 2.5], ids=lambda key: type(key).__name__
)
@pytest.mark.parametrize("read", [read_state_dict, read_yolact])
def test_a_name_that_is_no_text_is_one_line(tmp_path, key, read):
    tensors = {BIAS: np.zeros(2, np.float32), key: np.zeros(2, np.float32)}
    path = write_arrays(tmp_path / "w.pth", tensors)
    with pytest.raises(WeightsError, match=r"w\.pth: a tensor has a name of type") as error:
        read(path)
    assert "\n" not in str(error.value)
