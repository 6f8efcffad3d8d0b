"""RF-DETR in the program: loaded, on photos and on clips."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("keras")
pytest.importorskip("tensorflow", reason="the export goes through TensorFlow")

import run
from segmentation import coco, load
from segmentation.parts.resample import resize_float
from segmentation.rf_detr.segmenter import RFDETR
from segmentation.runtime import compiling
from stream import read_photo
from tests.command_line.failing import failing
from tests.golden.comparison import assert_golden
from tests.golden.reference import Golden, compact, load_golden
from tests.golden.weights_recipe import write_recipe_weights
from tests.memory import give_memory_back
from tests.recipes import Recipes
from tests.segmentation.rf_detr.original import (
    LATE,
    OUTPUTS,
    TOLERANCE,
    at_the_edge,
    error,
    recipe_of,
)
from tests.users.casting import assert_keyframes_were_reused, cast_clip

NAME = "rf-detr-seg-medium"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the weights of the recipe; their export is kept for the tests of this file."""
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr(compiling, "OpenVINONetwork", cache(compiling.OpenVINONetwork))
        yield write_recipe_weights(recipe_of(NAME), folder / "recipe.pth")
    give_memory_back()


@pytest.fixture(scope="module")
def network(weights: Path) -> RFDETR:
    found = load(NAME, weights=weights, device="cpu", backend="openvino")
    assert isinstance(found, RFDETR)
    return found


@pytest.fixture(scope="module")
def golden() -> Golden:
    return load_golden(compact(recipe_of(NAME)))


def pixels_of(golden: Golden, size: int) -> NDArray[np.float32]:
    return (resize_float(golden["image"], (size, size)) / np.float32(255))[None]


def test_the_exported_network_computes_what_the_original_does(
    network: RFDETR, golden: Golden
) -> None:
    values = network.network(pixels_of(golden, network.size))
    errors = {each: error(golden, each, value) for each, value in zip(OUTPUTS, values, strict=True)}
    assert max(errors.values()) < LATE, errors


def test_it_finds_the_objects_of_the_original(network: RFDETR, golden: Golden) -> None:
    assert network.classes == coco.NAMES
    assert (network.size, network.max_input, network.min_score) == (432, 768, 0.5)
    (found,) = network.segment(golden["image"][None])
    ids = np.array([number for number, _ in coco.CATEGORIES], np.int32)
    assert_golden(replace(found, labels=ids[found.labels]), at_the_edge(golden), TOLERANCE)


@pytest.fixture
def photo(golden: Golden, tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), golden["image"][..., ::-1])
    return path


def test_a_file_of_another_family_is_one_line(
    capfd: pytest.CaptureFixture[str], recipes: Recipes, photo: Path
) -> None:
    rvm = recipes.weights("rvm_mobilenetv3")
    line = failing(capfd, 1, photo, "-o", "null:", "--model", NAME, "--weights", rvm)
    assert "no network of RF-DETR's program" in line


def test_a_photo_becomes_a_result(
    weights: Path, network: RFDETR, tmp_path: Path, photo: Path
) -> None:
    pytest.importorskip("pycocotools")
    found = tmp_path / "found.json"
    (wanted,) = network.segment(read_photo(photo)[None])
    kept = network.classes[wanted.labels[0]]
    arguments = [photo, "-o", found, "--model", NAME, "--weights", weights, "--device", "cpu"]
    assert run.main([str(each) for each in [*arguments, "--keep", kept]]) == 0
    rows = json.loads(found.read_text())
    (number,) = [number for number, name in coco.CATEGORIES if name == kept]
    assert [row["category_id"] for row in rows] == [number] * len(rows)
    chosen = wanted.scores[wanted.labels == wanted.labels[0]]
    np.testing.assert_allclose([row["score"] for row in rows], chosen, atol=1e-5)


def test_a_clip_with_keyframes(weights: Path, demo_clip: Path, tmp_path: Path) -> None:
    options = ["--model", NAME, "--weights", weights, "--device", "cpu", "--min-score", 0.6]
    frames = cast_clip(demo_clip, tmp_path, 9, *options, "--keyframe", 4, "--reuse", "flow")
    assert_keyframes_were_reused(frames)
