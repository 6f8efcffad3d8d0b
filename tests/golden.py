"""What the original programs compute from known weights, and how results are held against it."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from segmentation.instances import Instances
from tests.folders import SHARED
from tests.torch_files import write_torch_file

if TYPE_CHECKING:
    import keras

FOLDER = SHARED / "golden"


class Case(NamedTuple):
    """One network with reference data, and what it makes of the photo."""

    name: str
    weights: Path
    golden: dict[str, np.ndarray]
    network: keras.Model
    tensors: dict[str, np.ndarray]
    heads: keras.Model  # goes on from the tensors


def run(model: keras.Model, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return what a Keras model makes of its inputs."""
    from keras import ops

    return [ops.convert_to_numpy(x) for x in model(list(arrays))]


def golden_folder() -> Path:
    """Return the folder of reference data; skips where it is absent."""
    if not FOLDER.is_dir():
        pytest.skip(f"needs the project's reference data in {FOLDER.name}/ beside the checkout")
    return FOLDER


def manifest(net: str) -> list[dict]:
    """Return name and shape of every tensor of a network's published file."""
    path = golden_folder() / f"{net}.manifest.json"
    return json.loads(path.read_text())["tensors"]  # type: ignore[no-any-return]


def _recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "weights_recipe", golden_folder() / "weights_recipe.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_pth(net: str, path: Path, *, zip_form: bool) -> Path:
    """Write weights of the published layout, made by the recipe, the same on every machine."""
    recipe = _recipe()
    described = recipe.load_manifest(golden_folder() / f"{net}.manifest.json")
    tensors = {entry["name"]: np.array(values) for entry, values in recipe.generate(net, described)}
    wrap = described.get("wrap")
    return write_torch_file({wrap: tensors} if wrap else tensors, path, zip_form=zip_form)


def load_golden(net: str) -> dict[str, np.ndarray]:
    """Return the reference tensors of a network."""
    with np.load(golden_folder() / f"{net}.golden.npz") as archive:
        return dict(archive)


def sampled_error(golden: Mapping[str, np.ndarray], name: str, values: np.ndarray) -> float:
    """Return the largest difference of a sampled tensor, relative to its largest value."""
    assert tuple(golden[f"{name}/shape"]) == values.shape
    wanted = golden[f"{name}/val"]
    found = values.ravel()[golden[f"{name}/idx"]]
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def golden_instances(golden: Mapping[str, np.ndarray]) -> Instances:
    """Return the final objects of a network."""
    count, height, width = golden["final_masks_shape"]
    bits = np.unpackbits(golden["final_masks_packed"], axis=1)[:, : height * width]
    masks = bits.reshape(count, height, width) * np.uint8(255)
    if "final_boxes_yxyx" in golden:  # Matterport's, whose classes begin with the background
        boxes, labels = golden["final_boxes_yxyx"], golden["final_class_ids"] - 1
    else:
        boxes, labels = golden["final_boxes_xyxy"][:, [1, 0, 3, 2]], golden["final_class_ids0"]
    return Instances.untracked(boxes, golden["final_scores"], labels, masks)


def same_objects(
    found: Instances, wanted: Instances, *, score: float, box_px: float, mask: float
) -> tuple[list[int], list[int]]:
    """Return which objects of `found` are which of `wanted`, each at most once.

    Args:
        found: objects.
        wanted: objects of the same photo.
        score: by how much scores may differ.
        box_px: by how many pixels sides of boxes may.
        mask: share of an object's pixels, which are at least 200, by which its mask may.
    """
    matches: dict[int, int] = {}
    for index in range(len(wanted)):
        near = [
            other
            for other in set(range(len(found))) - set(matches)
            if found.labels[other] == wanted.labels[index]
            and np.abs(found.boxes[other] - wanted.boxes[index]).max() <= box_px
            and abs(found.scores[other] - wanted.scores[index]) <= score
        ]
        inside = wanted.masks[index] >= 128
        for other in near[:1]:
            differing = (found.masks[other] >= 128) != inside
            if differing.sum() <= mask * max(inside.sum(), 200):
                matches[other] = index
    return list(matches), list(matches.values())


def assert_same_set(
    found: Instances, wanted: Instances, *, score: float, box_px: float, mask: float
) -> None:
    """Each wanted object is found once, and nothing else; see `same_objects`."""
    assert len(found) == len(wanted)
    _, again = same_objects(found, wanted, score=score, box_px=box_px, mask=mask)
    assert sorted(again) == list(range(len(wanted)))
