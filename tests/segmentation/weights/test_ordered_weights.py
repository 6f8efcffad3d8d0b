"""Weights by their order: those of the portrait network and of a run's checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.errors import WeightsError
from segmentation.weights.ordered_weights import read_weights

EXPECTED = "of the portrait network, or of a training run's checkpoint"


def test_order_is_kept(tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, *(np.full(index + 1, index, np.float16) for index in range(12)))
    arrays = read_weights(path)
    assert [(len(array), array[0]) for array in arrays] == [(i + 1, i) for i in range(12)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", ["whole", "half", "empty", "array"])
def test_files_of_anything_else_are_told_whose_was_expected(tmp_path, name):
    path = tmp_path / "model.npz"
    np.savez(path, np.zeros(1000, np.float32))
    if name == "whole":
        path.write_bytes(b"not an archive")
    elif name == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(4))
    else:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2 if name == "half" else 0])
    with pytest.raises(WeightsError, match=rf"model\.npz: no \.npz {EXPECTED}, or cut off"):
        read_weights(path)


def test_weights_with_names_are_of_another_network(tmp_path):
    np.savez(tmp_path / "person.npz", arr_0=np.zeros(2), stem_kernel=np.zeros(2))
    with pytest.raises(WeightsError, match=rf"person\.npz: its weights have names, .* {EXPECTED}"):
        read_weights(tmp_path / "person.npz")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(WeightsError, match=r"model\.npz: no such file; check the path"):
        read_weights(tmp_path / "model.npz")
