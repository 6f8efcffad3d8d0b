"""What is made of the weights of mask-rcnn-person's runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segmentation.errors import WeightsError
from segmentation.person.segmenter import WEIGHTS
from segmentation.training.bundled.export_person import mean_of_files
from segmentation.weights.named_weights import read_named, save_named


def test_of_several_runs_the_mean_is_taken_whether_their_arrays_have_names_or_not(tmp_path: Path):
    known = read_named(WEIGHTS)
    save_named({name: value + 1 for name, value in known.items()}, tmp_path / "best.npz")
    np.savez(tmp_path / "average.npz", *(value + 3 for value in known.values()))
    mean = mean_of_files([tmp_path / "best.npz", tmp_path / "average.npz"])
    assert list(mean) == list(known)
    for name, value in mean.items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, known[name] + 2, atol=0.01, rtol=1e-3)


def test_another_network_is_refused(tmp_path: Path):
    names = list(read_named(WEIGHTS))
    save_named({names[0]: np.zeros((3, 3), np.float32)}, tmp_path / "best.npz")
    with pytest.raises(WeightsError, match=r"best\.npz"):
        mean_of_files([tmp_path / "best.npz"])


@pytest.mark.parametrize("wrong", ["shape", "number"])
def test_an_average_of_another_network_is_refused(tmp_path: Path, wrong: str):
    arrays = list(read_named(WEIGHTS).values())
    if wrong == "shape":
        arrays[0] = arrays[0][..., :1]
    np.savez(tmp_path / "average.npz", *arrays[: -1 if wrong == "number" else None])
    with pytest.raises(WeightsError, match=r"average\.npz"):
        mean_of_files([tmp_path / "average.npz", WEIGHTS])
