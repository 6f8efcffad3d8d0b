"""Mask R-CNN with known weights against what Matterport's own program computes from them."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("h5py")

from segmentation import coco  # noqa: E402
from segmentation.errors import WeightsError  # noqa: E402
from segmentation.instances import Instances  # noqa: E402
from segmentation.loading import load  # noqa: E402
from segmentation.mask_rcnn.by_backbone import load_network  # noqa: E402
from segmentation.mask_rcnn.config import MaskRCNNConfig, matterport_config  # noqa: E402
from segmentation.mask_rcnn.molding import mold, molded_inputs, photo_window  # noqa: E402
from segmentation.mask_rcnn.network import build_network  # noqa: E402
from segmentation.mask_rcnn.segmenter import MaskRCNN, unmold  # noqa: E402
from segmentation.segmenter import Options  # noqa: E402
from tests.folders import ROOT  # noqa: E402
from tests.golden import (  # noqa: E402
    assert_same_set,
    golden_instances,
    load_golden,
    run,
    sampled_error,
)

SIZE = 320
TOLERANCE = {"score": 1e-3, "box_px": 1, "mask": 0.005}

TENSORS = {
    "conv1": "conv1",
    "C2": "res2c_out",
    "C3": "res3d_out",
    "C4": "res4w_out",
    "C5": "res5c_out",
    "P2": "fpn_p2",
    "P3": "fpn_p3",
    "P4": "fpn_p4",
    "P5": "fpn_p5",
    "P6": "fpn_p6",
    "rpn_class_logits": "rpn_class_logits",
    "rpn_probs": "rpn_class",
    "rpn_bbox": "rpn_bbox",
}


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return load_golden("matterport_small")


@pytest.fixture(scope="module")
def network(mask_rcnn_weights: Path) -> keras.Model:
    return load_network(mask_rcnn_weights, SIZE)


@pytest.fixture(scope="module")
def inputs(golden: dict) -> list[np.ndarray]:
    return [*molded_inputs(golden["image"][None], SIZE), np.full((1, 81), 0.7, np.float32)]


@pytest.fixture(scope="module")
def tensors(network: keras.Model, inputs: list) -> dict[str, np.ndarray]:
    """Everything that one pass computes, by layer, and the outputs."""
    names = [*TENSORS.values(), "proposals"]
    outputs = [network.get_layer(name).output for name in names] + network.outputs
    values = run(keras.Model(network.inputs, outputs), inputs)
    return dict(zip([*names, "boxes", "scores", "classes", "masks"], values, strict=True))


def test_molded_image(golden: dict) -> None:
    molded = mold(golden["image"], SIZE)
    window = photo_window(golden["image"].shape[:2], SIZE)
    np.testing.assert_array_equal(window, golden["molded_window"])
    wanted = golden["molded_image_f32"] + np.array([123.7, 116.8, 103.9], np.float32)
    np.testing.assert_array_equal(molded, np.rint(wanted))


def test_anchors(golden: dict) -> None:
    anchors = matterport_config(SIZE).anchors()
    assert len(anchors) == golden["anchors_count"]
    assert sampled_error(golden, "anchors_normalized", anchors) < 1e-6
    assert len(MaskRCNNConfig().anchors()) == 261_888


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_of_backbone_pyramid_and_rpn(golden: dict, tensors: dict, name: str) -> None:
    assert sampled_error(golden, name, tensors[TENSORS[name]][0]) < 1e-4


def matched(found: np.ndarray, wanted: np.ndarray) -> float:
    distance = np.abs(found[:, None] - wanted[None]).max(axis=2)
    return float((distance.min(axis=0) < 1e-4).mean())


def test_proposals(golden: dict, tensors: dict) -> None:
    assert matched(tensors["proposals"][0], golden["proposals"]) >= 0.99


def test_proposals_from_known_candidates(golden: dict, tensors: dict, network: keras.Model) -> None:
    scores = np.zeros((1, len(matterport_config(SIZE).anchors())), np.float32)
    scores[0, golden["rpn_top6000_idx"]] = np.linspace(1, 0.1, 6000)
    layer = network.get_layer("proposals")
    proposals = keras.ops.convert_to_numpy(layer(scores, tensors["rpn_bbox"]))[0]
    assert matched(proposals, golden["proposals"]) == 1
    assert np.abs(proposals - golden["proposals"]).max() < 1e-4


@pytest.fixture(scope="module")
def heads(network: keras.Model, tensors: dict, golden: dict, inputs: list) -> dict:
    """What the heads make of the proposals that Matterport's program found."""
    pyramid = [network.get_layer(f"fpn_p{level}").output for level in range(2, 6)]
    names = [
        "roi_align_classifier",
        "mrcnn_class_logits",
        "mrcnn_class",
        "mrcnn_bbox",
        "detections",
    ]
    model = keras.Model(
        [network.get_layer("proposals").output, *pyramid, *network.inputs[1:]],
        [network.get_layer(name).output for name in names] + [network.outputs[3]],
    )
    levels = [tensors[f"fpn_p{level}"] for level in range(2, 6)]
    values = run(model, [golden["proposals"][None], *levels, *inputs[1:]])
    return dict(zip([*names, "masks"], (value[0] for value in values), strict=True))


@pytest.mark.parametrize(
    "name", ["roi_align_classifier", "mrcnn_class_logits", "mrcnn_class", "mrcnn_bbox"]
)
def test_tensors_of_the_box_head(golden: dict, heads: dict, name: str) -> None:
    assert sampled_error(golden, name, heads[name]) < 1e-4


def test_detections_and_masks_before_assembly(golden: dict, heads: dict) -> None:
    np.testing.assert_allclose(heads["detections"], golden["detections_normalized"], atol=1e-4)
    count = len(golden["final_scores"])
    masks = 1 / (1 + np.exp(-heads["masks"][:count]))
    np.testing.assert_allclose(masks, golden["mask28_selected"], atol=2e-4)
    assert (heads["masks"][count:] == 0).all()


def segmenter(network: keras.Model, size: int = SIZE, **settings: object) -> MaskRCNN:
    return MaskRCNN(
        lambda *arrays: run(network, arrays),
        size=size,
        classes=coco.NAMES,
        device="test",
        **settings,
    )


def test_photo_in_objects_out(golden: dict, network: keras.Model) -> None:
    found = segmenter(network).segment(golden["image"][None])[0]
    assert_same_set(found, golden_instances(golden), **TOLERANCE)


def test_kept_classes_and_least_score(golden: dict, network: keras.Model) -> None:
    wanted = golden_instances(golden)
    label = int(np.bincount(wanted.labels).argmax())
    chosen = wanted[(wanted.labels == label) & (wanted.scores >= 0.75)]
    assert 0 < len(chosen) < (wanted.labels == label).sum()
    only = segmenter(network, keep=[label], min_score=0.75)
    assert_same_set(only.segment(golden["image"][None])[0], chosen, **TOLERANCE)


def test_wrong_images(network: keras.Model) -> None:
    with pytest.raises(ValueError, match=r"got uint8 \(4, 4, 3\)"):
        segmenter(network).segment(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="float32"):
        segmenter(network).segment(np.zeros((1, 4, 4, 3), np.float32))  # type: ignore[arg-type]


def test_depth_and_classes_come_from_the_file(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
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
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_group("conv1").attrs["weight_names"] = []
    with pytest.raises(WeightsError, match="no Mask R-CNN"):
        load_network(tmp_path / "w.h5", SIZE)


def test_published_configuration(
    mask_rcnn_weights: Path, golden: dict, golden_folder: Path
) -> None:
    """1024 pixels a side: the tensors of the manifest, and as many objects as the original."""
    network = load_network(mask_rcnn_weights)
    manifest = json.loads((golden_folder / "matterport.manifest.json").read_text())
    wanted = {
        "/".join(entry["name"].split(":")[0].split("/")[-2:]): tuple(entry["shape"])
        for entry in manifest["tensors"]
    }
    assert {"/".join(v.path.split("/")[-2:]): tuple(v.shape) for v in network.variables} == wanted
    assert network.count_params() == 64_158_584
    found = segmenter(network, 1024).segment(golden["image"][None])[0]
    assert len(found) == 19
    assert len(set(found.labels.tolist())) == 12
    assert found.scores.max() == pytest.approx(0.935, abs=1e-3)
    assert found.scores.min() == pytest.approx(0.708, abs=1e-3)


def detections(outputs: Sequence[np.ndarray], inputs: list) -> Instances:
    return unmold(*(x[0] for x in outputs), window=inputs[1][0], size_hw=(426, 640))


START = """
import sys
from pathlib import Path
import numpy as np
from segmentation.loading import load
from segmentation.segmenter import Options
weights, image = sys.argv[1:]
segmenter = load("mask-rcnn", Options(weights=Path(weights), size=320, keep=["dog", "person"]))
found = segmenter.segment(np.load(image)[None])[0]
print(sorted({segmenter.classes[label] for label in found.labels}), "keras" in sys.modules)
"""


def test_loaded_by_name_finds_the_same_and_then_starts_without_keras(
    mask_rcnn_weights: Path, golden: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the export goes through TensorFlow")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    segmenter = load("mask-rcnn", Options(weights=mask_rcnn_weights, size=SIZE))
    assert segmenter.classes == coco.NAMES
    (found,) = segmenter.segment(golden["image"][None])
    wanted = golden_instances(golden)
    assert_same_set(found, wanted, **TOLERANCE)

    np.save(tmp_path / "image.npy", golden["image"])
    command = [sys.executable, "-c", START, str(mask_rcnn_weights), str(tmp_path / "image.npy")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    names = {coco.NAMES[label] for label in wanted.labels} & {"dog", "person"}
    assert done.stdout == f"{sorted(names)} False\n", done.stderr


def test_with_winograds_convolutions_everywhere(
    network: keras.Model, inputs: list, golden: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the export goes through TensorFlow")
    import openvino

    from segmentation.runtime import winograd
    from segmentation.runtime.openvino_export import to_openvino

    for least in ("MIN_CHANNELS", "MIN_TILES", "MIN_MULTIPLICATIONS"):
        monkeypatch.setattr(winograd, least, 1)
    names = ["C3", "C5", "P2", "P4", "rpn_class_logits", "rpn_bbox"]
    tensors = [network.get_layer(TENSORS[name]).output for name in names]
    model = to_openvino(keras.Model(network.inputs, tensors + network.outputs))
    assert winograd.use_winograd(model) == 46  # ResNet's 33, 4 + 5 of pyramid and RPN, 4 of masks
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    values = [np.array(x) for x in compiled(inputs).values()]
    for name, value in zip(names, values, strict=False):
        assert sampled_error(golden, name, value[0]) < 1e-4, name
    assert_same_set(detections(values[-4:], inputs), golden_instances(golden), **TOLERANCE)


RUN = """
import sys
import numpy as np, keras
from segmentation.mask_rcnn.by_backbone import load_network
weights, arrays, result = sys.argv[1:]
inputs = np.load(arrays)
network = load_network(weights, 320)
outputs = network([inputs[name] for name in inputs])
np.savez(result, *(keras.ops.convert_to_numpy(x) for x in outputs))
"""


@pytest.mark.parametrize(("backend", "module"), [("torch", "torch"), ("jax", "jax")])
def test_other_backends_find_the_same(
    backend: str, module: str, mask_rcnn_weights: Path, inputs: list, golden: dict, tmp_path: Path
) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    np.savez(tmp_path / "in.npz", *inputs)
    command = [
        sys.executable,
        "-c",
        RUN,
        mask_rcnn_weights,
        tmp_path / "in.npz",
        tmp_path / "out.npz",
    ]
    subprocess.run(
        command, check=True, cwd=ROOT, env={**os.environ, "KERAS_BACKEND": backend}, timeout=600
    )
    with np.load(tmp_path / "out.npz") as archive:
        outputs = [archive[name] for name in archive]
    assert_same_set(detections(outputs, inputs), golden_instances(golden), **TOLERANCE)
