"""Masks enlarged and put into their boxes."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.parts.masks import (
    enlarge_logits,
    enlarge_masks,
    paste_masks,
    paste_masks_between_pixels,
    resize_mask,
)
from segmentation.parts.resample import to_uint8
from tests.segmentation.parts.resizing import resize


@pytest.mark.parametrize("size_hw", [(28, 28), (97, 13), (5, 200), (1, 1)])
def test_as_in_scikit_image(size_hw: tuple) -> None:
    transform = pytest.importorskip("skimage.transform")
    mask = np.random.default_rng(0).uniform(0.2, 0.9, (28, 28)).astype(np.float32)
    wanted = transform.resize(
        mask.astype(float), size_hw, order=1, mode="constant", clip=True, anti_aliasing=False
    )
    np.testing.assert_allclose(resize_mask(mask, size_hw), wanted, atol=1e-9)


def test_full_mask_stays_full() -> None:
    assert (resize_mask(np.full((28, 28), 0.8), (301, 77)) == 0.8).all()


def test_inside_from_one_half_exactly() -> None:
    below = np.nextafter(np.float32(0.5), np.float32(0))
    for value, byte in ((0.0, 0), (below, 127), (0.5, 128), (0.75, 191), (1.0, 255)):
        mask = np.full((1, 28, 28), value, np.float32)
        assert (paste_masks(mask, [(0, 0, 9, 40)], (9, 40)) == byte).all()


def test_bytes_never_fall_as_probabilities_rise() -> None:
    values = np.linspace(0, 1, 5000)
    pasted = paste_masks(values.reshape(-1, 1, 1), [(0, 0, 1, 1)] * len(values), (1, 1))
    assert (np.diff(pasted.ravel().astype(int)) >= 0).all()


def test_box_is_filled_and_nothing_else() -> None:
    pasted = paste_masks(np.ones((2, 28, 28)), [(2, 3, 5, 9), (0, 0, 1, 2)], (6, 10))
    wanted = np.zeros((2, 6, 10), np.uint8)
    wanted[0, 2:5, 3:9] = 255
    wanted[1, 0, :2] = 255
    np.testing.assert_array_equal(pasted, wanted)


def test_no_masks() -> None:
    assert paste_masks(np.zeros((0, 28, 28)), [], (4, 7)).shape == (0, 4, 7)


@pytest.mark.parametrize("size_hw", [(40, 70), (9, 300), (5, 7)])
def test_masks_of_the_whole_image(size_hw: tuple) -> None:
    """As a plain bilinear resize, though only the part that is not 0 is worked out."""
    masks = np.zeros((3, 20, 30), np.float32)
    masks[0, 4:9, 10:25] = np.random.default_rng(0).uniform(0.1, 1, (5, 15))
    masks[0, 3], masks[0, :, 25] = 0.3, 0.4
    masks[0, 9:] = masks[0, :3] = 0
    masks[1] = 1
    wanted = [to_uint8(255 * resize(mask, size_hw, border="edge")) for mask in masks]
    found = enlarge_masks(masks, size_hw)
    assert np.abs(found.astype(int) - np.array(wanted)).max() <= 1
    assert (found[1] == 255).all()
    assert not found[2].any()
    assert enlarge_masks(masks[:0], size_hw).shape == (0, *size_hw)


def plain_value(mask: np.ndarray, box: list, y: int, x: int) -> float:
    """Return a mask's value at the centre of a pixel; a frame of zeros lies around it."""
    framed = np.pad(mask, 1)
    place = [
        (pixel + 0.5 - start) * num / (stop - start) + 0.5
        for pixel, start, stop, num in ((y, box[0], box[2], 4), (x, box[1], box[3], 6))
    ]
    value = 0.0
    for v, u in np.ndindex(framed.shape):
        value += framed[v, u] * max(0, 1 - abs(place[0] - v)) * max(0, 1 - abs(place[1] - u))
    return value


def test_masks_between_pixels_by_their_definition() -> None:
    masks = np.random.default_rng(0).uniform(0, 1, (4, 4, 6))
    boxes = [[2.3, 1.7, 9.1, 17.2], [0, 0, 12, 20], [5.1, 5.2, 5.4, 5.3], [3, 18.5, 12, 20]]
    pasted = paste_masks_between_pixels(masks, np.array(boxes), (12, 20))
    for index, y, x in np.ndindex(pasted.shape):
        wanted = 255 * plain_value(masks[index], boxes[index], y, x)
        assert abs(pasted[index, y, x] - wanted) <= 0.5 + 1e-9, (index, y, x)


@pytest.mark.parametrize("size_hw", [(40, 70), (9, 300), (5, 7), (1, 1)])
def test_logits_of_the_whole_image(size_hw: tuple) -> None:
    """As a plain bilinear resize of logits, though only the part that is not 0 is worked out."""
    logits = np.full((3, 20, 30), -9, np.float32)
    logits[0, 3:9, 20:] = np.random.default_rng(1).normal(0, 4, (6, 10))
    logits[1] = np.random.default_rng(2).normal(0, 4, (20, 30))
    found = enlarge_logits(logits, size_hw)
    for mask, logit in zip(found, logits, strict=True):
        resized = resize(logit, size_hw, border="edge")
        clear = np.abs(resized) > 1e-4
        np.testing.assert_array_equal((mask >= 128)[clear], (resized > 0)[clear])
        np.testing.assert_allclose(mask, 255 / (1 + np.exp(-resized)), atol=0.51)
    assert not found[2].any()


def test_a_pixel_is_inside_where_its_logit_is_and_not_its_probability() -> None:
    """A third of the way from -1 to 9 the logit is above 0, and below its mean with that of -1."""
    logits = np.array([[[-1.0, 9.0]]], np.float32)
    columns = enlarge_logits(logits, (1, 16))[0, 0]
    assert np.flatnonzero(columns >= 128).min() == 5
    assert (np.diff(columns.astype(int)) >= 0).all()
