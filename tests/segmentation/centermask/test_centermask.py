"""CenterMask2 with known weights against what its own program computes from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from segmentation import coco  # noqa: E402
from segmentation.centermask import network as network_file  # noqa: E402
from segmentation.centermask.network import GRID, NUM_CROP_LEVELS, STRIDES  # noqa: E402
from segmentation.centermask.published import VARIANTS  # noqa: E402
from segmentation.centermask.segmenter import MEAN_BGR, CenterMask, prepare  # noqa: E402
from segmentation.instances import Instances  # noqa: E402
from segmentation.loading import LOADERS, load  # noqa: E402
from segmentation.parts.roi_align import adaptive_roi_align, area_level  # noqa: E402
from segmentation.runtime import compiling  # noqa: E402
from segmentation.segmenter import Options  # noqa: E402
from tests.golden.comparison import (  # noqa: E402
    Case,
    Tolerance,
    assert_golden,
    assert_same_set,
    golden_objects,
    run,
    sampled_error,
)
from tests.golden.reference import Golden, as_long, golden_params, load_golden, sha256  # noqa: E402
from tests.golden.weights_recipe import manifest  # noqa: E402
from tests.memory import give_memory_back  # noqa: E402
from tests.recipes import Recipes  # noqa: E402
from tests.segmentation.conftest import last_loaded, last_network  # noqa: E402
from tests.users.casting import assert_keyframes_were_reused, cast_clip  # noqa: E402

#: name on the command line -> in the reference data; the first two have all kinds of layers
NETS = {
    "centermask-lite-mobilenetv2": "centermask2_lite_Mv2",
    "centermask-lite-v39": "centermask2_lite_V39",
    "centermask-lite-v19": "centermask2_lite_V19",
    "centermask-v39": "centermask2_V39",
    "centermask-v57": "centermask2_V57",
}
#: hold with rounding errors ten thousand times as large as those of float32
TOLERANCE = Tolerance(score=1.2e-3, box_px=0.26, mask=0.014)
SMALL_MASKS = TOLERANCE._replace(mask=0.02)  # of V57, where that is four pixels
LEVELS = range(3, 8)


def tolerance(case: Case) -> Tolerance:
    return SMALL_MASKS if case.name == "centermask-v57" else TOLERANCE


def sides(case: Case) -> tuple[int, int]:
    """Return short and long side of photos in the network's input."""
    return VARIANTS[case.name].short_side, VARIANTS[case.name].long_side


def nodes(network: keras.Model, golden: Golden) -> dict[str, keras.KerasTensor]:
    """Return the places in the network where the tensors of the reference data arise."""
    found = {}
    for level in (3, 4, 5):
        stage = network.get_layer(f"backbone.fpn_lateral{level}").input
        names = [f"bottom_up_stage{level}", f"bottom_up_res{level}"]
        found[next(name for name in names if f"{name}/val" in golden)] = stage
    for level in LEVELS:
        layer = f"backbone.fpn_output{level}" if level < 6 else f"backbone.top_block.p{level}"
        found[f"p{level}"] = network.get_layer(layer).output
    parts = network.get_layer("detections").input[:-1]
    names = [f"{part}_p{level}" for part in ("cls_logits", "reg", "ctrness") for level in LEVELS]
    return found | dict(zip(names, parts, strict=True))


CASES = golden_params(
    NETS,
    {
        name: NETS[name]
        for name in ("centermask-lite-mobilenetv2", "centermask-lite-v39", "centermask-v39")
    },
    long=["centermask-lite-v39", "centermask-v39", "centermask-v57"],
)


@pytest.fixture(scope="module")
def network_of(
    tmp_path_factory: pytest.TempPathFactory, recipes: Recipes
) -> Iterator[Callable[[str, str], tuple]]:
    """Gives the weights of a recipe and their network; the last are kept for another photo."""

    def build(name: str, path: Path) -> keras.Model:
        return network_file.load_network(path, VARIANTS[name])

    folder = tmp_path_factory.mktemp("weights")
    shared = {"kept": recipes.weights, "names_kept": ("centermask-lite-v19",)}
    with (
        last_loaded(network_file),
        last_network(folder, build, in_old_form="centermask-v39", **shared) as made,
    ):
        yield made


@pytest.fixture(scope="module", params=CASES)
def case(
    request: pytest.FixtureRequest, network_of: Callable[[str, str], tuple[Path, keras.Model]]
) -> Iterator[Case]:
    name, file = request.param
    golden = load_golden(file)
    weights, network = network_of(name, str(golden["recipe_net"]))
    places = nodes(network, golden)
    features = keras.Model(network.inputs[:1], list(places.values()))
    pixels, _ = prepare(golden["image"], VARIANTS[name].short_side, VARIANTS[name].long_side)
    tensors = dict(zip(places, run(features, [pixels[None]]), strict=True))
    heads = keras.Model([*places.values(), *network.inputs[1:]], network.outputs)
    give_memory_back()
    yield Case(name, weights, golden, network, tensors, heads)
    del network, heads, places, features
    give_memory_back()


def segmenter(case: Case, **settings: object) -> CenterMask:
    """Return what goes on from the tensors of the photo, which take most of the time."""

    def network(image: np.ndarray, size: np.ndarray, least: np.ndarray) -> list[np.ndarray]:
        np.testing.assert_array_equal(image[0], prepare(case.golden["image"], *sides(case))[0])
        return run(case.heads, [*case.tensors.values(), size, least])

    return CenterMask(
        network,
        name=case.name,
        short_side=sides(case)[0],
        long_side=sides(case)[1],
        classes=coco.NAMES,
        device="test",
        **settings,  # type: ignore[arg-type]
    )


def test_prepared_photo(case: Case) -> None:
    pixels, (height, width) = prepare(case.golden["image"], *sides(case))
    assert (height, width, 3) == tuple(case.golden["resized_shape"])
    assert sampled_error(case.golden, "net_input_bgr", pixels) == 0
    resized = np.rint(pixels[:height, :width] + MEAN_BGR)
    assert sampled_error(case.golden, "resized_bgr", resized) == 0
    if "resized_sha256" in case.golden:
        assert sha256(resized.astype(np.uint8)) == str(case.golden["resized_sha256"])


def test_tensors(case: Case) -> None:
    errors = {
        name: sampled_error(case.golden, name, values[0]) for name, values in case.tensors.items()
    }
    assert max(errors.values()) < 1e-4, errors


@pytest.fixture(scope="module")
def crops(case: Case) -> np.ndarray:
    """What lies in the boxes that the original program found, (K, 14, 14, channels)."""
    boxes = case.golden["proposal_boxes"][:, [1, 0, 3, 2]]
    levels = [case.tensors[f"p{level}"] for level in (3, 4, 5)]
    which = case.golden["mask_pool_levels"]
    strides = STRIDES[:NUM_CROP_LEVELS]
    return keras.ops.convert_to_numpy(
        adaptive_roi_align(boxes[None], which[None], levels, strides=strides, grid=GRID)
    )[0]


def test_tensors_of_the_mask_heads(case: Case, crops: np.ndarray) -> None:
    layer = case.network.get_layer("masks")
    labels = case.golden["proposal_classes"].astype(int)
    chosen = np.arange(len(labels)), labels
    attended, logits = (
        keras.ops.convert_to_numpy(x)
        for x in (layer.mask_head.attended(crops), layer.mask_head(crops))
    )
    masks = 1 / (1 + np.exp(-np.clip(logits.transpose(0, 3, 1, 2)[chosen], -80, 80)))
    ious = keras.ops.convert_to_numpy(layer.iou_head(crops, masks))
    found = {"mask_pool": crops, "sam_out": attended, "mask_logits": logits, "maskiou": ious}
    found |= {"mask28_selected": masks, "maskiou_selected": ious[chosen]}
    errors = {name: sampled_error(case.golden, name, values) for name, values in found.items()}
    assert errors.pop("mask28_selected") < 2e-4  # where the logits are steep
    assert max(errors.values()) < 1e-4, errors


def test_levels_of_the_boxes_found(case: Case) -> None:
    boxes = case.golden["proposal_boxes"][:, [1, 0, 3, 2]]
    area = float(np.prod(case.golden["resized_shape"][:2]))
    levels = keras.ops.convert_to_numpy(area_level(boxes, image_area=area, num_levels=3))
    np.testing.assert_array_equal(levels, case.golden["mask_pool_levels"])


@pytest.fixture(scope="module")
def found_and_scored(case: Case) -> tuple[Instances, np.ndarray]:
    return segmenter(case).score_masks(case.golden["image"])


def test_photo_in_objects_out(case: Case, found_and_scored: tuple) -> None:
    golden = case.golden
    found, mask_scores = found_and_scored
    assert_golden(found, golden, tolerance(case))
    assert (np.diff(found.scores) <= 0).all()
    np.testing.assert_allclose(mask_scores, golden["final_mask_scores"], atol=1.2e-3)
    assert np.abs(mask_scores - found.scores).max() > 0.01


def test_kept_classes_and_least_score(case: Case) -> None:
    wanted = golden_objects(case.golden)
    label = int(np.bincount(wanted.labels).argmax())
    scores = np.sort(wanted.scores[wanted.labels == label])
    least = float(scores[0] + scores[-1]) / 2
    chosen = (wanted.labels == label) & (wanted.scores >= least)
    assert 0 < np.count_nonzero(chosen) < len(scores)
    only = segmenter(case, keep=[label], min_score=least)
    (found,) = only.segment(case.golden["image"][None])
    assert_golden(found, case.golden, tolerance(case), chosen)


@pytest.fixture(scope="module")
def exportable(case: Case, recipes: Recipes) -> Iterator[Case]:
    """A network whose export is kept, and for the tests of this file what it is compiled to."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the export goes through TensorFlow")
    with recipes.exported(NETS[case.name]), pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "OpenVINONetwork", cache(compiling.OpenVINONetwork))
        yield case


EXPORTED = ("centermask-lite-mobilenetv2", "centermask-lite-v19")
exported_cases = pytest.mark.parametrize(
    "case", [as_long(case) for case in CASES if case.id in EXPORTED], indirect=True
)


@exported_cases
def test_loaded_by_name_through_openvino(exportable: Case, found_and_scored: tuple) -> None:
    case = exportable
    said: list[str] = []
    options = Options(weights=case.weights, backend="openvino", on_message=said.append)
    loaded = load(case.name, options)
    assert loaded.classes == coco.NAMES
    assert loaded.name == case.name
    assert said[0] == f"weights of {case.name}: CC BY-NC 4.0: for non-commercial use only"
    (found,) = loaded.segment(case.golden["image"][None])
    assert_golden(found, case.golden, TOLERANCE)
    as_before = Tolerance(score=1e-4, box_px=0.03, mask=0.01)
    assert_same_set(found, found_and_scored[0], as_before)
    (in_video,) = loaded.for_video().segment(case.golden["image"][None])
    assert_golden(in_video, case.golden, TOLERANCE)
    assert loaded.for_video() is loaded.for_video()


@pytest.mark.parametrize(
    "case", [as_long(case) for case in CASES if case.id == EXPORTED[0]], indirect=True
)
def test_a_clip_with_keyframes(exportable: Case, demo_clip: Path, tmp_path: Path) -> None:
    options = ["--model", exportable.name, "--weights", exportable.weights, "--min-score", 0.05]
    options += ["--size", 320]
    frames = cast_clip(demo_clip, tmp_path, 9, *options, "--keyframe", 4, "--reuse", "flow")
    assert_keyframes_were_reused(frames)


# === Published files ===


def test_every_variant_has_a_preset_and_a_loader() -> None:
    from segmentation.weights.presets import PRESETS

    ours = {name: preset for name, preset in PRESETS.items() if name.startswith("centermask-")}
    assert ours.keys() == VARIANTS.keys() == NETS.keys()
    assert ours.keys() <= LOADERS.keys()
    for name, preset in ours.items():
        assert preset.licence == "CC BY-NC 4.0"
        assert preset.notice == "CC BY-NC 4.0: for non-commercial use only", name
        assert preset.box_ap is not None
        assert preset.mask_ap is not None
        assert preset.mask_ap < preset.box_ap


def test_files_have_the_names_of_the_published_ones() -> None:
    from segmentation.weights.presets import PRESETS

    for name, net in NETS.items():
        assert PRESETS[name].file_name == manifest(net)["file"]
