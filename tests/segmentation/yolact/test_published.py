"""YOLACT's files of weights: what is read, what is ignored, and what does not fit."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras")

from segmentation.errors import WeightsError
from segmentation.loading import load
from segmentation.segmenter import Options
from segmentation.yolact.network import load_network
from segmentation.yolact.published import VARIANTS, num_foreground_classes, read_state_dict


def write_arrays(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("w/data.pkl", pickle.dumps(tensors, 2))
    return path


def small_state(num_labels: int, num_priors: int = 3) -> dict[str, np.ndarray]:
    root = "prediction_layers.0"
    return {
        f"{root}.bbox_layer.bias": np.zeros(num_priors * 4, np.float32),
        f"{root}.conf_layer.bias": np.zeros(num_priors * (num_labels + 1), np.float32),
    }


def test_what_may_be_ignored(tmp_path: Path) -> None:
    kept = [
        "backbone.layers.0.0.conv1.weight",
        "fpn.downsample_layers.1.weight",
        "fpn.lat_layers.2.weight",
        "unknown.weight",
    ]
    left_out = [
        "backbone.layers.0.0.bn1.num_batches_tracked",
        "backbone.layer1.0.conv1.weight",
        "fpn.downsample_layers.2.weight",
        "fpn.downsample_layers.10.bias",
        "semantic_seg_conv.bias",
    ]
    tensors = {name: np.zeros(1, np.float32) for name in [*kept, *left_out]}
    assert list(read_state_dict(write_arrays(tmp_path / "w.pth", tensors))) == kept


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    base, plus = VARIANTS["yolact-base"], VARIANTS["yolact-plus-base"]
    for tensors in ({}, {"prediction_layers.0.bbox_layer.bias": 3}, small_state(80)):
        with pytest.raises(WeightsError, match=r"w.pth: no such network .* 9 priors"):
            num_foreground_classes({**tensors}, plus, Path("w.pth"))
    assert num_foreground_classes(small_state(80), base, Path("w.pth")) == 80
    path = write_arrays(tmp_path / "w.pth", small_state(80))
    with pytest.raises(WeightsError, match=r"w.pth: \d+ tensors missing: backbone.conv1.weight"):
        load_network(path, VARIANTS["yolact-resnet50"], 64)


def test_what_cannot_be_asked_for(tmp_path: Path) -> None:
    path = write_arrays(tmp_path / "w.pth", small_state(2))
    with pytest.raises(ValueError, match="at least 64, got 63"):
        load("yolact-base", Options(weights=path, size=63))
    with pytest.raises(ValueError, match="at least 256, got 255"):
        load("yolact-plus-base", Options(weights=path, size=255))
    with pytest.raises(ValueError, match="2 classes of its own"):
        load("yolact-base", Options(weights=path))
    with pytest.raises(ValueError, match="2 classes, but 1 names"):
        load("yolact-base", Options(weights=path, classes=["cat"]))
    with pytest.raises(ValueError, match="did you mean 'cat'"):
        load("yolact-base", Options(weights=path, classes=["cat", "dog"], keep=["cats"]))
    with pytest.raises(WeightsError, match="models fetch yolact-base"):
        load("yolact-base", Options())
