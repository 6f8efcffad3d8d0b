"""RF-DETR in the program: loaded, on photos and on clips, and on other backends."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("keras")

import run
from segmentation import coco, load
from segmentation.rf_detr.segmenter import RFDETR
from stream import read_photo
from tests.command_line.failing import failing
from tests.folders import ROOT
from tests.golden.comparison import Tolerance, assert_same_set
from tests.golden.weights_recipe import write_recipe_weights
from tests.memory import give_memory_back
from tests.users.casting import assert_keyframes_were_reused, cast_clip

NAME = "rf-detr-seg-nano"
#: smaller than the published one, for speed
SIZE = 144

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the weights of the recipe; their export is kept for the tests of this file."""
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield write_recipe_weights("rfdetr_seg_nano", folder / "recipe.pth")
    give_memory_back()


@pytest.fixture(scope="module")
def network(weights: Path) -> RFDETR:
    found = load(NAME, weights=weights, device="cpu", backend="openvino", size=SIZE)
    assert isinstance(found, RFDETR)
    return found


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:400])


def test_loaded_as_published_but_for_the_size(network: RFDETR) -> None:
    assert network.classes == coco.NAMES
    assert (network.size, network.max_input, network.min_score) == (SIZE, SIZE * 16 // 9, 0.5)


def test_keras_itself_finds_the_same(
    weights: Path, network: RFDETR, photo: NDArray[np.uint8]
) -> None:
    other = load(NAME, weights=weights, device="cpu", backend="keras", size=SIZE)
    (found,), (wanted,) = (each.segment(photo[None]) for each in (other, network))
    assert len(wanted) > 5
    assert_same_set(found, wanted, Tolerance(score=1e-4, box_px=0.05, mask=0.003))


JAX = """
import sys
import keras, numpy as np
from pathlib import Path
from segmentation import load
from segmentation.rf_detr.network import load_network
from segmentation.rf_detr.published import VARIANTS, read_checkpoint
weights, arrays, result = map(Path, sys.argv[1:])
assert keras.backend.backend() == "jax"
# what random weights begin with need not be compiled: the file's take their place
keras.initializers.GlorotUniform.__call__ = lambda _, shape, dtype=None: np.zeros(shape, dtype)
name, image = "rf-detr-seg-nano", np.load(arrays)
checkpoint = read_checkpoint(weights, name)
network = load_network(checkpoint.tensors, weights, VARIANTS[name], image.shape[1:3], 91)
np.savez(result, *(keras.ops.convert_to_numpy(x) for x in network(image)))
"""


def test_jax_computes_the_same(
    weights: Path, network: RFDETR, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    arrays, result = tmp_path / "in.npy", tmp_path / "out.npz"
    pixels = cv2.resize(photo, (SIZE, SIZE)).astype(np.float32)[None] / 255
    np.save(arrays, pixels)
    # it compiles every operation: as well as it can would take twice as long
    quick = {"XLA_FLAGS": "--xla_backend_optimization_level=0", "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", JAX, str(weights), str(arrays), str(result)]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, **quick}, timeout=600)
    with np.load(result) as archive:
        for name, wanted in zip(archive, network.network(pixels), strict=True):
            assert np.abs(archive[name] - wanted).max() < 5e-4 * np.abs(wanted).max(), name


def test_a_file_of_another_family_is_one_line(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, photo: NDArray[np.uint8]
) -> None:
    shown = tmp_path / "photo.png"
    cv2.imwrite(str(shown), photo[..., ::-1])
    yolact = write_recipe_weights("yolact_resnet50", tmp_path / "yolact.pth")
    line = failing(capfd, 1, shown, "-o", "null:", "--model", NAME, "--weights", yolact)
    assert "no network of RF-DETR's program" in line


def test_a_photo_becomes_a_mask_and_a_result(
    weights: Path, network: RFDETR, tmp_path: Path, photo: NDArray[np.uint8]
) -> None:
    pytest.importorskip("pycocotools")
    shown, found = tmp_path / "photo.png", tmp_path / "found.json"
    cv2.imwrite(str(shown), photo[..., ::-1])
    (wanted,) = network.segment(read_photo(shown)[None])
    kept = network.classes[wanted.labels[0]]
    arguments = [shown, "-o", found, "--model", NAME, "--weights", weights, "--size", SIZE]
    arguments += ["--device", "cpu", "--keep", kept]
    assert run.main([str(each) for each in arguments]) == 0
    rows = json.loads(found.read_text())
    numbers = [number for number, name in coco.CATEGORIES if name == kept]
    assert [row["category_id"] for row in rows] == numbers * len(rows)
    chosen = wanted.scores[wanted.labels == wanted.labels[0]]
    np.testing.assert_allclose([row["score"] for row in rows], chosen, atol=1e-5)


def test_a_clip_with_keyframes(weights: Path, demo_clip: Path, tmp_path: Path) -> None:
    options = ["--model", NAME, "--weights", weights, "--size", SIZE, "--device", "cpu"]
    frames = cast_clip(demo_clip, tmp_path, 9, *options, "--keyframe", 4, "--reuse", "flow")
    assert_keyframes_were_reused(frames)
