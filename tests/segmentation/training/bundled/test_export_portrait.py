"""What is made of the weights of portrait's runs."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.training.bundled.export_portrait import halved, mean_of


def run(value: float) -> list[np.ndarray]:
    return [np.full((3, 3, 2, 4), value, np.float32), np.full(4, 2 * value, np.float32)]


def test_of_several_runs_the_mean_is_taken() -> None:
    kernel, bias = mean_of([run(1), run(2), run(6)])
    np.testing.assert_array_equal(kernel, run(3)[0])
    np.testing.assert_array_equal(bias, run(3)[1])
    assert kernel.dtype == bias.dtype == np.float32


def test_of_one_run_its_own_are_taken() -> None:
    for taken, own in zip(mean_of([run(0.1)]), run(0.1), strict=True):
        np.testing.assert_array_equal(taken, own)


def test_runs_of_networks_of_other_depths_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        mean_of([run(1), run(1)[:1]])


def test_only_kernels_are_kept_in_16_bits() -> None:
    kernel, bias = halved(run(1 / 3))
    assert kernel.dtype == np.float16
    assert bias.dtype == np.float32
