"""Families as one program of XLA, from photos to results, against what OpenVINO computes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras")
pytest.importorskip("h5py")
pytest.importorskip("tensorflow", reason="the export goes through TensorFlow")
pytest.importorskip("skimage", reason="scikit-image carries the photo")

from segmentation.instances import Instances
from segmentation.loading import DETAILED, load
from segmentation.segmenter import Options
from tests.contracts.segmenters import RECIPES
from tests.folders import ROOT
from tests.golden.comparison import Tolerance, same_objects
from tests.recipes import Recipes
from tests.segmentation.mask_rcnn.fewer_proposals import fewer_proposals

if importlib.util.find_spec("jax") is None:
    pytest.skip("jax is not installed", allow_module_level=True)

TOLERANCE = Tolerance(score=1e-3, box_px=1, mask=0.01)
#: Of the export in the package, which keeps all constants in 16 bits: a box that is rounded the
#: other way has a mask a pixel wider.
TOLERANCE_OF_BUNDLED = Tolerance(score=5e-3, box_px=1, mask=0.02)
#: of all objects of noise: a score may be at the threshold, or the last of the most there may be
SHARE = 0.95


def images() -> np.ndarray:
    """Several photos in which other numbers of objects are found."""
    from skimage import data

    photo = data.astronaut()[40:400]
    return np.stack([photo, 255 - photo, photo[:, ::-1], photo // 2])


def found_on_jax(name: str, weights: Path | None, size: int | None, folder: Path) -> dict:
    """Return the arrays that `find_on_jax` writes."""
    given, result = folder / "images.npy", folder / "found.npz"
    np.save(given, images())
    program = "tests.segmentation.runtime.find_on_jax"
    command = [sys.executable, "-m", program, name, str(weights or ""), str(size or "")]
    # compiled as well as XLA can would take twice as long
    quick = {"XLA_FLAGS": "--xla_backend_optimization_level=0", "KERAS_BACKEND": "jax"}
    environment = {**os.environ, **quick}
    subprocess.run([*command, given, result], check=True, cwd=ROOT, env=environment, timeout=600)
    with np.load(result) as archive:
        return dict(archive)


def taken_apart(arrays: dict, index: int) -> Instances:
    parts = ("boxes", "scores", "labels", "masks", "ids")
    return Instances(*(arrays[f"{index}/{part}"] for part in parts))


@pytest.mark.long
@pytest.mark.parametrize("name", ["mask-rcnn-person", *(n for n in RECIPES if "rvm" not in n)])
def test_one_program_finds_the_same_in_several_photos(
    name: str, recipes: Recipes, tmp_path: Path
) -> None:
    """Of RVM `tests/benchmarks/test_gpu.py` tests the same."""
    recipe, size = RECIPES.get(name, ("", None))
    weights = recipes.weights(recipe) if recipe else None
    exported: AbstractContextManager[object] = nullcontext()
    if recipe:
        is_large = name == "mask-rcnn"
        exported = fewer_proposals(recipes) if is_large else recipes.exported(recipe)
    with exported:
        # at one size, as the program on JAX finds them
        detail = "live" if name in DETAILED else "auto"
        options = Options(
            weights=weights, size=size, backend="openvino", device="cpu", detail=detail
        )
        segmenter = load(name, options)
        # people's outlines are those of portrait, whose export computes in whole numbers
        wanted = getattr(segmenter, "instances", segmenter).segment(images())
    arrays = found_on_jax(name, weights, size, tmp_path)
    assert arrays["num_compiled"] == 1
    assert len({len(each) for each in wanted}) > 1
    tolerance = TOLERANCE if recipe else TOLERANCE_OF_BUNDLED
    found = [taken_apart(arrays, index) for index in range(len(wanted))]
    again = [
        len(same_objects(ours, theirs, tolerance))
        for ours, theirs in zip(found, wanted, strict=True)
    ]
    most = [max(len(ours), len(theirs)) for ours, theirs in zip(found, wanted, strict=True)]
    assert sum(again) >= SHARE * sum(most), (again, most)
