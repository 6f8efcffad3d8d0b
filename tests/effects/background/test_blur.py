"""Blur: no halo, no texture left, the same at every size."""

from __future__ import annotations

import numpy as np
import pytest

from effects import Blur
from tests.inputs.pictures import noise, person_and_room


@pytest.mark.parametrize("strength", [0.01, 0.1, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("size_hw", [(360, 640), (541, 961), (720, 1280), (1280, 720)])
def test_blur_has_no_halo(size_hw: tuple[int, int], strength: float) -> None:
    image, alpha = person_and_room(size_hw)
    result = Blur(strength)(image, alpha, 0.0).astype(int)
    outside = result[alpha == 0]
    assert np.abs(outside - (0, 200, 0)).max() <= 2


def test_weakest_blur_has_no_dark_ring() -> None:
    image, alpha = person_and_room((720, 1280))
    image = np.full_like(image, 200)
    assert np.abs(Blur(0.001)(image, alpha, 0.0).astype(int) - 200).max() <= 1


def test_blur_hides_texture_and_keeps_brightness() -> None:
    image = noise((720, 1280))
    whole = Blur(0.5)(image, np.zeros((720, 1280), np.uint8), 0.0)
    assert whole.std() < 0.1 * image.std()
    assert abs(whole.mean() - image.mean()) < 0.2


def step_width(height: int, strength: float) -> float:
    """Return the width of a blurred step edge from 1/4 to 3/4, as a share of the height."""
    image = np.zeros((height, height * 16 // 9, 3), np.uint8)
    image[:, image.shape[1] // 2 :] = 255
    row = Blur(strength)(image, np.zeros(image.shape[:2], np.uint8), 0.0)[height // 2, :, 0]
    return float(((row > 64) & (row < 191)).sum()) / height


@pytest.mark.parametrize("strength", [0.3, 0.5, 1.0])
def test_blur_looks_the_same_at_every_size(strength: float) -> None:
    # 1.349 standard deviations lie between the quartiles of a Gaussian
    expected = 1.349 * 0.05 * strength
    for height in (240, 360, 480, 720, 1080):
        one_pixel = 1 / height
        assert step_width(height, strength) == pytest.approx(expected, rel=0.1, abs=one_pixel)


def test_blur_rejects_a_strength_out_of_range() -> None:
    for strength in (0.0, -1.0, 1.01, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"strength must be in \(0, 1\]"):
            Blur(strength)
