"""Resampling matrices against other programs and against the definition."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from segmentation.parts.resample import (
    apply_matrix,
    resampling_matrix,
    resize_bytes,
    sample_positions,
    to_uint8,
)
from tests.segmentation.parts.resizing import resize

SIZES = [(9, 31), (40, 17), (23, 23), (80, 95)]


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(1).integers(1, 256, (23, 37, 3), dtype=np.uint8)


@pytest.mark.parametrize("size_hw", SIZES)
def test_zeros_beyond_the_border_as_in_scikit_image(image: np.ndarray, size_hw: tuple) -> None:
    transform = pytest.importorskip("skimage.transform")
    wanted = transform.resize(
        image, size_hw, order=1, mode="constant", clip=False, preserve_range=True,
        anti_aliasing=False,
    )  # fmt: skip
    np.testing.assert_allclose(resize(image, size_hw, border="zero"), wanted, atol=1e-9)


@pytest.mark.parametrize("size_hw", SIZES)
def test_edge_repeated_as_in_opencv(image: np.ndarray, size_hw: tuple) -> None:
    values = image.astype(np.float32)
    wanted = cv2.resize(values, size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(resize(image, size_hw, border="edge"), wanted, atol=1e-2)


def test_a_flat_image_fades_only_where_zeros_are_outside() -> None:
    flat = np.full((4, 4), 8.0)
    assert resize(flat, (9, 9), border="edge").min() == 8.0
    faded = resize(flat, (8, 8), border="zero")
    assert faded[0, 3] == 6.0
    assert faded[0, 0] == 4.5
    assert faded[3, 3] == 8.0


def test_samples_far_outside_are_dropped() -> None:
    positions = np.array([-1.25, -0.25, 0.0, 1.5, 2.0, 3.0, 3.25])
    matrix = resampling_matrix(positions, 3, border="drop")
    first, last, none = [1, 0, 0], [0, 0, 1], [0, 0, 0]
    wanted = [none, first, first, [0, 0.5, 0.5], last, last, none]
    np.testing.assert_array_equal(matrix, wanted)


@pytest.mark.parametrize("border", ["zero", "edge", "drop"])
@pytest.mark.parametrize("axis", [0, 1])
def test_applied_matrix_is_a_matrix_product(border: str, axis: int) -> None:
    values = np.random.default_rng(2).normal(size=(12, 15))
    positions = np.linspace(-3, 16, 29)
    matrix = resampling_matrix(positions, values.shape[axis], border=border)
    wanted = matrix @ values if axis == 0 else values @ matrix.T
    np.testing.assert_allclose(apply_matrix(matrix, values, axis), wanted, atol=1e-12)


def test_part_of_an_image() -> None:
    np.testing.assert_allclose(sample_positions(2, 3, 7), [3.5, 5.5])


def test_same_weights_from_tensors() -> None:
    keras = pytest.importorskip("keras")
    positions = np.linspace(-2, 9, 24, dtype=np.float32).reshape(2, 12)
    for border, reach in (("zero", 1.0), ("edge", 1.0), ("edge", 2.5), ("drop", 1.0)):
        wanted = resampling_matrix(positions, 8, border=border, reach=reach)
        tensor = keras.ops.convert_to_tensor(positions)
        result = resampling_matrix(tensor, 8, border=border, reach=reach, xp=keras.ops)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(result), wanted, atol=1e-6)


def test_rounding() -> None:
    values = np.array([-3.0, 0.49, 0.5, 127.5, 254.9, 300.0])
    assert to_uint8(values).tolist() == [0, 0, 1, 128, 255, 255]


@pytest.mark.parametrize(
    ("size_hw", "wanted_hw"),
    [((42, 64), (60, 90)), ((108, 192), (56, 100)), ((40, 30), (40, 9)), ((7, 5), (7, 5))],
)
def test_the_bytes_of_pillow(size_hw: tuple, wanted_hw: tuple) -> None:
    pillow = pytest.importorskip("PIL.Image")
    image = np.random.default_rng(3).integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    wanted = pillow.fromarray(image).resize(wanted_hw[::-1], pillow.Resampling.BILINEAR)
    np.testing.assert_array_equal(resize_bytes(image, wanted_hw), np.asarray(wanted))
