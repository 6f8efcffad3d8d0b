"""RF-DETR with known weights against what its own program computes from them.

Medium is compared as it is exported, beside this file. Large and larger have no reference data
here: their tensors are those of the published files, and differ from the others' in numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

keras = pytest.importorskip("keras")

from segmentation.parts.resample import resize_float  # noqa: E402
from segmentation.rf_detr import encoder, mask_head, projector  # noqa: E402
from segmentation.rf_detr.network import (  # noqa: E402
    MEAN_RGB,
    STD_RGB,
    build_network,
    load_network,
)
from segmentation.rf_detr.published import VARIANTS, Checkpoint, read_checkpoint  # noqa: E402
from segmentation.rf_detr.segmenter import RFDETR, to_instances  # noqa: E402
from segmentation.weights.torch_layout import torch_name  # noqa: E402
from tests.golden.comparison import assert_golden, run  # noqa: E402
from tests.golden.reference import Golden, compact, load_golden  # noqa: E402
from tests.golden.weights_recipe import manifest, write_recipe_weights  # noqa: E402
from tests.memory import give_memory_back  # noqa: E402
from tests.segmentation.rf_detr.original import (  # noqa: E402
    EARLY,
    LATE,
    OUTPUTS,
    TOLERANCE,
    error,
    recipe_of,
)

BLOCK = f"{encoder.ROOT}.encoder.layer"
DECODER = "transformer.decoder"
#: name in the reference data -> layer
EARLY_TENSORS = {
    "patch_embedding": f"{encoder.ROOT}.embeddings.patch_embeddings.projection",
    "embeddings": f"{encoder.ROOT}.embeddings",
    **{f"block{index}": f"block{index}" for index in range(12)},
    **{f"block{index}_norm1": f"{BLOCK}.{index}.norm1" for index in (0, 3)},
    **{f"block{index}_attention": f"{BLOCK}.{index}.attention.output.dense" for index in (0, 3)},
    **{f"block{index}_mlp": f"{BLOCK}.{index}.mlp.fc2" for index in (0, 3)},
    **{f"stage{number}": f"stage{number}" for number in (3, 6, 9, 12)},
    **{name: name for name in ("projector_cv1", "projector_cv2")},
    **{f"projector_m{index}": f"projector_m{index}" for index in range(3)},
    "projector": f"{projector.ROOT}.1",
    "enc_memory": "transformer.enc_output_norm.0",
    "enc_class_logits": "transformer.enc_out_class_embed.0",
    "enc_box_delta": "transformer.enc_out_bbox_embed.0.layers.2",
    "enc_boxes": "enc_boxes",
    "reference": "reference",
}


def late_tensors(num_layers: int) -> dict[str, str]:
    """Return them for a decoder: name in the reference data -> layer."""
    last = num_layers - 1
    found = {
        "query_sine": "query_sine",
        "query_pos": f"{DECODER}.ref_point_head.layers.1",
        "dec0_cross_query": "dec0_cross_query",
        "dec0_offsets": f"{DECODER}.layers.0.cross_attn.sampling_offsets",
        "dec0_attention_logits": f"{DECODER}.layers.0.cross_attn.attention_weights",
        f"hs{last}": f"{DECODER}.norm",
        f"mask_spatial{last}": f"{mask_head.ROOT}.spatial_features_proj",
        f"mask_query{last}": f"{mask_head.ROOT}.query_features_proj",
    }
    for index in range(num_layers):
        name = f"{DECODER}.layers.{index}"
        found[f"dec{index}_self_attention"] = f"{name}.self_attn.out_proj"
        found[f"dec{index}_cross_attention"] = f"{name}.cross_attn.output_proj"
        found[f"dec{index}"] = f"{name}.norm3"
        found[f"mask_block{index}"] = f"mask_block{index}"
    return found


class Case(NamedTuple):
    """A network at a size of its input, and what it makes of the photo."""

    name: str
    golden: Golden
    pixels: NDArray[np.float32]
    tensors: dict[str, NDArray[Any]]
    index: NDArray[np.int32]  # of the places that are proposed

    @property
    def found(self) -> list[NDArray[np.float32]]:
        return [self.tensors[name] for name in OUTPUTS]


class Weights(NamedTuple):
    """A file of weights and what is in it."""

    path: Path
    checkpoint: Checkpoint


@pytest.fixture(scope="module")
def weights_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Weights]]:
    """Give the weights of a recipe; the last are kept, for another size of the input."""
    folder = tmp_path_factory.mktemp("weights")

    @lru_cache(maxsize=1)
    def made(name: str) -> Weights:
        for old in folder.iterdir():
            old.unlink()
        path = write_recipe_weights(recipe_of(name), folder / f"{name}.pth")
        return Weights(path, read_checkpoint(path, name))

    yield made
    made.cache_clear()


def network_for(weights: Weights, name: str, size_hw: tuple[int, int]) -> keras.Model:
    return load_network(weights.checkpoint.tensors, weights.path, VARIANTS[name], size_hw, 91)


CASES = [
    pytest.param(("rf-detr-seg-nano", "rfdetr_seg_nano"), id="nano"),
    pytest.param(
        ("rf-detr-seg-nano", "rfdetr_seg_nano_384x240"), id="nano-384x240", marks=pytest.mark.long
    ),
    pytest.param(("rf-detr-seg-small", "rfdetr_seg_small"), id="small", marks=pytest.mark.long),
]


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, weights_of: Callable[[str], Weights]) -> Iterator[Case]:
    name, stem = request.param
    golden = load_golden(compact(stem))
    height, width = golden["input_size"].tolist()
    network = network_for(weights_of(name), name, (height, width))
    inner = EARLY_TENSORS | late_tensors(VARIANTS[name].num_layers)
    known = {each: layer for each, layer in inner.items() if f"{each}/val" in golden}
    known |= {each: inner[each] for each in ("enc_boxes", "reference")}
    taps = [network.get_layer(layer).output for layer in known.values()]
    chosen = network.get_layer("proposals").output
    model = keras.Model(network.inputs, [*taps, *network.outputs, chosen[0], chosen[2]])
    pixels = resize_float(golden["image"], (height, width)) / np.float32(255)
    *values, rows, index = run(model, [pixels[None]])
    tensors = dict(zip([*known, *OUTPUTS], values, strict=True))
    tensors["net_input"] = (pixels - MEAN_RGB) / STD_RGB
    if "enc_selected/val" in golden:
        tensors["enc_selected"] = rows
    del network, model, taps, chosen
    give_memory_back()
    yield Case(name, golden, pixels, tensors, index[0])
    give_memory_back()


def test_every_tensor_is_that_of_the_original(case: Case) -> None:
    found = {name: error(case.golden, name, values) for name, values in case.tensors.items()}
    bounds = {name: LATE for name in found}
    bounds |= dict.fromkeys([*EARLY_TENSORS, "net_input", "enc_selected"], EARLY)
    assert {name: value for name, value in found.items() if not value < bounds[name]} == {}
    sampled = {key.removesuffix("/val") for key in case.golden if key.endswith("/val")}
    assert sampled | {"enc_boxes", "reference", "pred_boxes"} <= set(found)


def test_the_same_places_are_proposed_in_the_same_order(case: Case) -> None:
    np.testing.assert_array_equal(case.index, case.golden["topk_index"])


def test_the_objects_are_those_of_the_original(case: Case) -> None:
    boxes, logits, masks = (values[0] for values in case.found)
    height, width = case.golden["image"].shape[:2]
    least = np.full(91, 0.5, np.float32)
    found = to_instances(boxes, logits, masks, least=least, size_hw=(height, width))
    assert_golden(found, case.golden, TOLERANCE)


@pytest.mark.parametrize("case", [CASES[0], CASES[2]], indirect=True)
def test_a_photo_goes_in_and_its_objects_come_out(case: Case) -> None:
    size = VARIANTS[case.name].size

    def network(image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        np.testing.assert_array_equal(image[0], case.pixels)
        return case.found

    segmenter = RFDETR(
        network,
        name=case.name,
        size=size,
        classes=tuple(map(str, range(91))),
        outputs=range(91),
        device="test",
    )
    (found,) = segmenter.segment(case.golden["image"][None])
    assert_golden(found, case.golden, TOLERANCE)
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long) for name in VARIANTS])
def test_the_network_has_the_tensors_of_the_published_file(name: str) -> None:
    """And each of their shapes, but for those of training."""
    variant = VARIANTS[name]
    network = build_network(variant, (variant.size, variant.size))
    shapes = {torch_name(each): sorted(each.shape) for each in network.variables}
    for entry in manifest(recipe_of(name))["tensors"]:
        tensor, shape = entry["name"], sorted(entry["shape"])
        if tensor in ("refpoint_embed.weight", "query_feat.weight"):
            assert entry["shape"][0] == 13 * variant.num_queries
            shape = sorted([variant.num_queries, entry["shape"][1]])
        if tensor in shapes:
            assert shapes.pop(tensor) == shape
        else:
            assert "enc_out" in tensor or tensor.endswith("mask_token")
    assert shapes == {}
