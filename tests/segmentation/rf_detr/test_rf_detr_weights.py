"""Weight files of RF-DETR: what fits, what may be ignored and what is refused."""

from __future__ import annotations

import argparse
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from segmentation import coco  # noqa: E402
from segmentation.errors import WeightsError  # noqa: E402
from segmentation.loading import LOADERS, load  # noqa: E402
from segmentation.rf_detr import encoder  # noqa: E402
from segmentation.rf_detr.network import build_network, load_network  # noqa: E402
from segmentation.rf_detr.published import (  # noqa: E402
    VARIANTS,
    Variant,
    fitted,
    read_checkpoint,
)
from segmentation.rf_detr.segmenter import _classes  # noqa: E402
from segmentation.weights.presets import PRESETS  # noqa: E402
from segmentation.weights.torch_layout import torch_name  # noqa: E402
from tests.golden.weights_recipe import manifest  # noqa: E402
from tests.segmentation.rf_detr.original import recipe_of  # noqa: E402

NAME = "rf-detr-seg-nano"
POSITIONS = "backbone.0.encoder.encoder.embeddings.position_embeddings"


def write(path: Path, saved: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("w/data.pkl", pickle.dumps(saved, 2))
    return path


def few(num_outputs: int = 91, places: int = 26, num_layers: int = 4) -> dict[str, Any]:
    """Return the tensors that tell which network a file is of."""
    layers = {
        f"transformer.decoder.layers.{index}.norm1.weight": np.ones(2, np.float32)
        for index in range(num_layers)
    }
    return {
        "class_embed.bias": np.zeros(num_outputs, np.float32),
        "segmentation_head.bias": np.zeros(1, np.float32),
        POSITIONS: np.zeros((1, 1 + places**2, 2), np.float32),
        **layers,
    }


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder of four blocks, of which one map is used."""
    monkeypatch.setattr(encoder, "NUM_BLOCKS", 4)
    monkeypatch.setattr(encoder, "TAPPED_BLOCKS", (2,))


def test_what_may_be_ignored(tmp_path: Path) -> None:
    left_out = [
        "transformer.enc_output.1.weight",
        "transformer.enc_output.12.bias",
        "transformer.enc_output_norm.10.weight",
        "transformer.enc_out_class_embed.3.bias",
        "transformer.enc_out_bbox_embed.2.layers.0.weight",
        "backbone.0.encoder.encoder.embeddings.mask_token",
        "_kp_active_mask",
    ]
    kept = [
        "transformer.enc_output.0.weight",
        "transformer.enc_out_bbox_embed.0.layers.2.weight",
        "unknown.weight",
    ]
    tensors = few() | {name: np.zeros(1, np.float32) for name in [*left_out, *kept]}
    for saved in (
        {"model": tensors, "args": argparse.Namespace(lr=1, class_names=["a"])},
        {"model": tensors, "optimizer": {"state": {0: np.zeros(3)}}, "args": {"lr": 1}},
        {"state_dict": {f"model.{name}": tensor for name, tensor in tensors.items()}},
    ):
        found = read_checkpoint(write(tmp_path / "w.pth", saved), NAME)
        assert set(found.tensors) == {*few(), *kept}
        assert (found.size, found.num_outputs, found.classes) == (312, 91, None)


def test_all_that_training_alone_needs_is_ignored(tmp_path: Path) -> None:
    """What is left of the tensors of the published file are those of one group of queries."""
    names = {entry["name"] for entry in manifest("rfdetr_seg_nano")["tensors"]}
    tensors = {name: np.zeros(1, np.float32) for name in names} | few()
    found = read_checkpoint(write(tmp_path / "w.pth", {"model": tensors}), NAME)
    assert len(names) - len(found.tensors) == 12 * 12 + 1


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({}, r"no network of RF-DETR's program \(class_embed.bias is missing\)"),
        ({**few(), "class_embed.bias": 3}, r"class_embed.bias is missing"),
        (
            {name: x for name, x in few().items() if name != "segmentation_head.bias"},
            r"an RF-DETR that finds boxes alone \(segmentation_head.bias is missing\)",
        ),
        ({**few(), POSITIONS: np.zeros((1, 30, 2))}, f"{POSITIONS} is missing or for no square"),
        ({**few(), POSITIONS: np.zeros((1, 1, 2))}, "is missing or for no square"),
        (few(places=343), "is missing or for no square input of up to 4096 pixels"),
        (few(num_layers=5), "use --model rf-detr-seg-medium or rf-detr-seg-large"),
        (few(num_layers=7), "7 layers in its decoder, for 312 pixels; give a file of a published"),
        (few(places=32), "for 384 pixels; use --model rf-detr-seg-small"),
        (few(places=64, num_layers=6), "use --model rf-detr-seg-2xlarge"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, tensors: dict[str, Any], words: str) -> None:
    path = write(tmp_path / "w.pth", {"model": tensors})
    with pytest.raises(WeightsError, match=words) as error:
        read_checkpoint(path, NAME)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("shallow")
def test_a_file_without_tensors_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="its entry model is no dict"):
        read_checkpoint(write(tmp_path / "w.pth", {"model": [1]}), NAME)
    with pytest.raises(WeightsError, match="a tensor has a name of type int"):
        read_checkpoint(write(tmp_path / "w.pth", {"model": few() | {3: 1}}), NAME)
    checkpoint = read_checkpoint(write(tmp_path / "w.pth", {"model": few()}), NAME)
    with pytest.raises(WeightsError, match=r"\d+ tensors missing: .*; give a file of this network"):
        load_network(checkpoint.tensors, tmp_path / "w.pth", Variant(24, 1, 4, 3), (24, 24), 91)


def test_classes_are_those_of_the_file_or_named(tmp_path: Path) -> None:
    def classes(num_outputs: int, given: list[str] | None, names: Any = None) -> Any:
        saved = {"model": few(num_outputs), "args": {"class_names": names}}
        checkpoint = read_checkpoint(write(tmp_path / "w.pth", saved), NAME)
        return _classes(Path("w.pth"), given, checkpoint)

    names, outputs = classes(91, None, ["ignored"])
    assert names == coco.NAMES
    assert (outputs[0], outputs[11], outputs[-1]) == (1, 13, 90)
    for num in (2, 3):  # with one that no class has
        assert classes(num, ["bolt", "nut"]) == (("bolt", "nut"), (0, 1))
        assert classes(num, None, ["bolt", "nut"]) == (("bolt", "nut"), (0, 1))
        assert classes(num, ["Schraube", "Mutter"], ["bolt", "nut"])[0] == ("Schraube", "Mutter")
    for odd in (None, "bolt", [1, 2], ["a", "a"], ["a", ""], [], {"a": 1}):
        with pytest.raises(ValueError, match="knows 2 classes of its own; name them"):
            classes(2, None, odd)
    with pytest.raises(ValueError, match="knows 5 classes, but 2 names are given"):
        classes(5, ["bolt", "nut"])


def test_what_cannot_be_asked_for(tmp_path: Path) -> None:
    nano = write(tmp_path / "nano.pth", {"model": few()})
    small = write(tmp_path / "small.pth", {"model": few(places=32)})
    for size in (119, 121, 323):
        with pytest.raises(ValueError, match=f"a multiple of 12 from 120 on .*, got {size}"):
            load(NAME, weights=nano, size=size)
    with pytest.raises(ValueError, match="24 from 120 on such as 120 or 144, got 132"):
        load("rf-detr-seg-small", weights=small, size=132)
    with pytest.raises(ValueError, match="did you mean 'cat'"):
        load(NAME, weights=nano, keep=["cats"])
    with pytest.raises(WeightsError, match=f"models fetch {NAME}"):
        load(NAME)


def test_sizes_have_a_place_for_each_query() -> None:
    least = {name: variant.min_size for name, variant in VARIANTS.items()}
    assert list(least.values()) == [120, 120, 192, 192, 216, 216]
    for variant in VARIANTS.values():
        assert variant.size % variant.step == variant.min_size % variant.step == 0
        assert (variant.min_size // 12) ** 2 >= variant.num_queries


def test_every_variant_has_a_preset_and_a_loader() -> None:
    ours = {name for name in PRESETS if name.startswith("rf-detr-")}
    assert ours == VARIANTS.keys()
    assert ours <= LOADERS.keys()
    figures = [PRESETS[name].mask_ap for name in VARIANTS]
    assert figures == sorted(figures)
    for name in VARIANTS:
        preset = PRESETS[name]
        assert preset.licence == "Apache-2.0"
        assert preset.md5 is not None
        assert len(preset.md5) == 32
        tensors = manifest(recipe_of(name))["tensors"]
        num_bytes = sum(4 * int(np.prod(each["shape"])) for each in tensors)
        # Large's file seems to have queries that its network does not ask for
        assert preset.about_bytes == pytest.approx(num_bytes, rel=0.012)


@pytest.mark.usefixtures("shallow")
def test_training_of_ones_own_is_loaded_whole() -> None:
    """The numbers of classes and of groups of queries come from the file, and the input's size."""
    variant = Variant(24, 2, 1, 3)
    made = build_network(variant, (48, 48), 5)
    rng = np.random.default_rng(0)
    tensors: dict[str, Any] = {}
    for variable in made.variables:
        value = rng.uniform(0.1, 1, variable.shape).astype(np.float32)
        variable.assign(value)
        name = torch_name(variable)
        if name in ("refpoint_embed.weight", "query_feat.weight"):
            tensors[name] = np.concatenate([value, value + 1])
        else:
            order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(value.ndim, range(value.ndim))
            is_depthwise = value.ndim == 4 and value.shape[-1] == 1
            tensors[name] = value.transpose((2, 3, 0, 1) if is_depthwise else tuple(order))
    loaded = load_network(tensors, Path("w.pth"), variant, (48, 48), 5)
    for variable, wanted in zip(loaded.variables, made.variables, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(variable), keras.ops.convert_to_numpy(wanted)
        )
    larger = fitted(tensors, variant, (6, 2))
    assert np.shape(larger[POSITIONS]) == (1, 13, 384)
    loaded = load_network(tensors, Path("w.pth"), variant, (72, 24), 5)
    assert loaded.outputs[2].shape == (1, 3, 18, 6)
