"""Mask R-CNN with known weights against what Matterport's own program computes from them."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")
h5py = pytest.importorskip("h5py")

from segmentation import coco  # noqa: E402
from segmentation.errors import WeightsError  # noqa: E402
from segmentation.instances import Instances  # noqa: E402
from segmentation.loading import load  # noqa: E402
from segmentation.mask_rcnn import by_backbone  # noqa: E402
from segmentation.mask_rcnn.by_backbone import load_network  # noqa: E402
from segmentation.mask_rcnn.config import MEAN_RGB, MaskRCNNConfig, matterport_config  # noqa: E402
from segmentation.mask_rcnn.molding import mold, molded_inputs, photo_window  # noqa: E402
from segmentation.mask_rcnn.network import build_network  # noqa: E402
from segmentation.mask_rcnn.segmenter import MaskRCNN, origin, unmold  # noqa: E402
from segmentation.runtime.compiling import exported  # noqa: E402
from segmentation.segmenter import Options  # noqa: E402
from tests.folders import ROOT  # noqa: E402
from tests.golden.comparison import (  # noqa: E402
    Case,
    Tolerance,
    assert_golden,
    golden_objects,
    run,
    sampled_error,
)
from tests.golden.original_mold import original_mold  # noqa: E402
from tests.golden.reference import Golden, golden_params, load_golden, sha256  # noqa: E402
from tests.golden.weights_recipe import manifest  # noqa: E402
from tests.memory import give_memory_back  # noqa: E402
from tests.recipes import Recipes  # noqa: E402
from tests.segmentation.conftest import last_loaded  # noqa: E402

TOLERANCE = Tolerance(score=1e-3, box_px=1, mask=0.005)

#: name in the reference data -> layer
TENSORS = {
    "conv1": "conv1",
    "C2": "res2c_out",
    "C3": "res3d_out",
    "C4": "res4w_out",
    "C5": "res5c_out",
    **{f"P{level}": f"fpn_p{level}" for level in range(2, 7)},
    "rpn_class_logits": "rpn_class_logits",
    "rpn_probs": "rpn_class",
    "rpn_bbox": "rpn_bbox",
}
#: what the heads go on from, and what they make of it
PYRAMID = [f"P{level}" for level in range(2, 6)]
HEADS = ["roi_align_classifier", "mrcnn_class_logits", "mrcnn_class", "mrcnn_bbox", "detections"]

CASES = golden_params(
    {size: f"matterport_{size}" for size in ("320", "512", "1024")},
    {"320": "matterport_small"},
    long=["512", "1024"],
)
#: for what is the same in all of them
one_case = pytest.mark.parametrize("case", CASES[:1], indirect=True)


def side(golden: Golden) -> int:
    """Return the size of the network's input."""
    return int(golden["molded_image/shape"][0])


def inputs_of(golden: Golden) -> list[np.ndarray]:
    """Return the photo and its window as the network takes them."""
    return molded_inputs(golden["image"][None], side(golden))


def least_scores(score: float) -> np.ndarray:
    return np.full((1, 81), score, np.float32)


@pytest.fixture(scope="module")
def network_of(mask_rcnn_weights: Path) -> Iterator[Callable[[int], keras.Model]]:
    """Gives the network for a size; the last one is kept for another photo and its export."""
    with last_loaded(by_backbone):
        yield partial(by_backbone.load_network, mask_rcnn_weights)


@pytest.fixture(scope="module", params=CASES)
def case(
    request: pytest.FixtureRequest,
    mask_rcnn_weights: Path,
    network_of: Callable[[int], keras.Model],
) -> Iterator[Case]:
    name, file = request.param
    golden = load_golden(file)
    network = network_of(side(golden))
    names = [*TENSORS.values(), "proposals"]
    model = keras.Model(network.inputs, [network.get_layer(x).output for x in names])
    inputs = [*inputs_of(golden), least_scores(0.7)]
    # a graph gives back what later layers do not need, 2 GB instead of 7 at 1024, and takes longer
    values = run(model, inputs) if side(golden) <= 512 else model.predict_on_batch(inputs)
    tensors = dict(zip([*TENSORS, "proposals"], values, strict=True))
    del model
    places = [network.get_layer(x).output for x in ("proposals", *(TENSORS[x] for x in PYRAMID))]
    parts = [network.get_layer(x).output for x in HEADS]
    heads = keras.Model([*places, *network.inputs[1:]], parts + network.outputs)
    yield Case(name, mask_rcnn_weights, golden, network, tensors, heads)
    del network, heads, places, parts
    give_memory_back()


def goes_on(case: Case, proposals: np.ndarray, *more: np.ndarray) -> list[np.ndarray]:
    """Return what the heads make of proposals, and the network's outputs."""
    return run(case.heads, [proposals, *(case.tensors[x] for x in PYRAMID), *more])


def segmenter(case: Case, **settings: object) -> MaskRCNN:
    """Return what goes on from the tensors of the photo, which take most of the time."""

    def network(*arrays: np.ndarray) -> list[np.ndarray]:
        return goes_on(case, case.tensors["proposals"], *arrays[1:])[len(HEADS) :]

    return MaskRCNN(
        network,
        size=side(case.golden),
        classes=coco.NAMES,
        device="test",
        **settings,  # type: ignore[arg-type]
    )


def test_molded_photo(case: Case) -> None:
    golden, size = case.golden, side(case.golden)
    window = photo_window(golden["image"].shape[:2], size)
    np.testing.assert_array_equal(window, golden["molded_window"])
    molded = mold(golden["image"], size)
    np.testing.assert_array_equal(molded, original_mold(golden["image"], size, window))
    assert sampled_error(golden, "molded_image", molded - np.array(MEAN_RGB)) < 1e-6
    if "molded_sha256" in golden:
        assert sha256(molded) == str(golden["molded_sha256"])


def test_anchors(case: Case) -> None:
    anchors = matterport_config(side(case.golden)).anchors()
    assert len(anchors) == case.golden["anchors_count"]
    assert sampled_error(case.golden, "anchors_normalized", anchors) < 1e-6


def test_tensors_of_backbone_pyramid_and_rpn(case: Case) -> None:
    errors = {name: sampled_error(case.golden, name, case.tensors[name][0]) for name in TENSORS}
    assert max(errors.values()) < 1e-4, errors


def matched(found: np.ndarray, wanted: np.ndarray) -> float:
    distance = np.abs(found[:, None] - wanted[None]).max(axis=2)
    return float((distance.min(axis=0) < 1e-4).mean())


def test_proposals(case: Case) -> None:
    assert matched(case.tensors["proposals"][0], case.golden["proposals"]) >= 0.99


def test_proposals_from_known_candidates(case: Case) -> None:
    golden = case.golden
    scores = np.zeros((1, int(golden["anchors_count"])), np.float32)
    scores[0, golden["rpn_top6000_idx"].astype(int)] = np.linspace(1, 0.1, 6000)
    layer = case.network.get_layer("proposals")
    proposals = keras.ops.convert_to_numpy(layer(scores, case.tensors["rpn_bbox"]))[0]
    assert matched(proposals, golden["proposals"]) == 1
    assert np.abs(proposals - golden["proposals"]).max() < 1e-4


@pytest.fixture(scope="module")
def heads(case: Case) -> dict[str, np.ndarray]:
    """What the heads make of the proposals that Matterport's program found."""
    rest = inputs_of(case.golden)[1], least_scores(0.7)
    values = goes_on(case, case.golden["proposals"][None], *rest)
    names = [*HEADS, "boxes", "scores", "classes", "masks"]
    return dict(zip(names, (value[0] for value in values), strict=True))


@pytest.mark.parametrize("name", HEADS[:4])
def test_tensors_of_the_box_head(case: Case, heads: dict, name: str) -> None:
    assert sampled_error(case.golden, name, heads[name]) < 1e-4


def test_detections_and_masks_before_assembly(case: Case, heads: dict) -> None:
    wanted = case.golden["detections_normalized"]
    np.testing.assert_allclose(heads["detections"], wanted, atol=1e-4)
    count = np.count_nonzero(wanted[:, 4])
    masks = 1 / (1 + np.exp(-heads["masks"][:count]))
    assert sampled_error(case.golden, "mask28_selected", masks) < 2e-4
    assert (heads["masks"][count:] == 0).all()


def test_photo_in_objects_out(case: Case) -> None:
    found = segmenter(case).segment(case.golden["image"][None])[0]
    assert_golden(found, case.golden, TOLERANCE)


def test_kept_classes_and_least_score(case: Case) -> None:
    wanted = golden_objects(case.golden)
    label = int(np.bincount(wanted.labels).argmax())
    scores = np.sort(wanted.scores[wanted.labels == label])
    least = float(scores[0] + scores[-1]) / 2
    chosen = (wanted.labels == label) & (wanted.scores >= least)
    assert 0 < np.count_nonzero(chosen) < len(scores)
    only = segmenter(case, keep=[label], min_score=least)
    assert_golden(only.segment(case.golden["image"][None])[0], case.golden, TOLERANCE, chosen)


@one_case
def test_wrong_images(case: Case) -> None:
    with pytest.raises(ValueError, match=r"got uint8 \(4, 4, 3\)"):
        segmenter(case).segment(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="float32"):
        segmenter(case).segment(np.zeros((1, 4, 4, 3), np.float32))  # type: ignore[arg-type]


@one_case
def test_published_file_and_configuration(case: Case) -> None:
    """The tensors of Matterport's file, by their names; and 1024 pixels a side."""
    wanted = {
        "/".join(entry["name"].split(":")[0].split("/")[-2:]): tuple(entry["shape"])
        for entry in manifest("matterport")["tensors"]
    }
    variables = case.network.variables
    assert {"/".join(v.path.split("/")[-2:]): tuple(v.shape) for v in variables} == wanted
    assert case.network.count_params() == 64_158_584
    assert MaskRCNNConfig().size_hw == (1024, 1024)


def detections(outputs: Sequence[np.ndarray], golden: Golden) -> Instances:
    window = inputs_of(golden)[1][0]
    size_hw = golden["image"].shape[:2]
    return unmold(*(x[0] for x in outputs), window=window, size_hw=size_hw)  # type: ignore[arg-type]


START = """
import sys
from pathlib import Path
import numpy as np
from segmentation.loading import load
from segmentation.segmenter import Options
weights, image = sys.argv[1:]
segmenter = load("mask-rcnn", Options(weights=Path(weights), size=320, keep=["boat", "cat", "dog"]))
found = segmenter.segment(np.load(image)[None])[0]
print(sorted({segmenter.classes[label] for label in found.labels}), "keras" in sys.modules)
"""


@pytest.fixture(scope="module")
def exportable(case: Case, recipes: Recipes) -> Iterator[Case]:
    """A network whose export is kept for the tests of this file."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the export goes through TensorFlow")
    with recipes.exported("matterport"):
        yield case


@pytest.mark.long
@one_case
def test_loaded_by_name_finds_the_same_and_then_starts_without_keras(
    exportable: Case, tmp_path: Path
) -> None:
    case = exportable
    loaded = load("mask-rcnn", Options(weights=case.weights, size=320))
    assert isinstance(loaded, MaskRCNN)
    assert loaded.classes == coco.NAMES
    assert_golden(loaded.segment(case.golden["image"][None])[0], case.golden, TOLERANCE)

    np.save(tmp_path / "image.npy", case.golden["image"])
    command = [sys.executable, "-c", START, str(case.weights), str(tmp_path / "image.npy")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "['boat', 'cat'] False\n", done.stderr


@pytest.mark.long
@one_case
def test_with_winograds_convolutions_everywhere(
    exportable: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openvino

    from segmentation.runtime import winograd

    for least in ("MIN_CHANNELS", "MIN_TILES", "MIN_MULTIPLICATIONS"):
        monkeypatch.setattr(winograd, least, 1)
    case = exportable
    path = exported(lambda: case.network, origin(case.weights, 320), Options())
    model = openvino.Core().read_model(path)
    names = ["P2", "P4", "rpn_class_logits", "rpn_bbox"]
    layers = [re.compile(rf"{TENSORS[name]}(_\d+)?/(BiasAdd|concat)") for name in names]
    nodes = {node.get_friendly_name(): node for node in model.get_ops()}
    for layer in layers:
        (node,) = (node for name, node in nodes.items() if layer.fullmatch(name))
        model.add_outputs([node.output(0)])
    assert winograd.use_winograd(model) == 46  # ResNet's 33, 4 + 5 of pyramid and RPN, 4 of masks
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    inputs = [*inputs_of(case.golden), least_scores(0.7)]
    values = [np.array(x) for x in compiled(inputs).values()]
    for name, value in zip(names, values[4:], strict=True):
        assert sampled_error(case.golden, name, value[0]) < 1e-4, name
    assert_golden(detections(values[:4], case.golden), case.golden, TOLERANCE)


RUN = """
import sys
import numpy as np, keras
from segmentation.mask_rcnn.by_backbone import load_network
weights, arrays, result = sys.argv[1:]
# what random weights begin with need not be compiled: the file's take their place
keras.initializers.GlorotUniform.__call__ = lambda _, shape, dtype=None: np.zeros(shape, dtype)
inputs = np.load(arrays)
network = load_network(weights, 320)
outputs = network([inputs[name] for name in inputs])
np.savez(result, *(keras.ops.convert_to_numpy(x) for x in outputs))
"""


@pytest.mark.long
@one_case
def test_torch_finds_the_same(case: Case, tmp_path: Path) -> None:
    """JAX is tested in `tests/segmentation/runtime/test_on_jax.py`."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    arrays, result = tmp_path / "in.npz", tmp_path / "out.npz"
    np.savez(arrays, *inputs_of(case.golden), least_scores(0.7))
    command = [sys.executable, "-c", RUN, case.weights, arrays, result]
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, timeout=600)
    with np.load(result) as archive:
        outputs = [archive[name] for name in archive]
    assert_golden(detections(outputs, case.golden), case.golden, TOLERANCE)


# === Weight files ===


def test_depth_and_classes_come_from_the_file(tmp_path: Path) -> None:
    made = build_network(matterport_config(64, num_classes=3, depth=50))
    with h5py.File(tmp_path / "own.h5", "w") as file:
        for variable in made.variables:
            layer, tensor = variable.path.split("/")[-2:]
            group = file.require_group("rpn_model" if layer.startswith("rpn") else layer)
            name = f"{layer}/{tensor}:0"
            group.attrs["weight_names"] = [*group.attrs.get("weight_names", ()), np.bytes_(name)]
            group[name] = keras.ops.convert_to_numpy(variable)
    loaded = load_network(tmp_path / "own.h5", 64)
    assert loaded.inputs[2].shape == (1, 3)
    for variable, wanted in zip(loaded.variables, made.variables, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(variable), keras.ops.convert_to_numpy(wanted)
        )


def test_network_of_another_family(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_group("conv1").attrs["weight_names"] = []
    with pytest.raises(WeightsError, match="no Mask R-CNN"):
        load_network(tmp_path / "w.h5", 320)
