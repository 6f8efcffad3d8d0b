"""A foreground over a background, for every value of alpha."""

from __future__ import annotations

import numpy as np
import pytest

from effects import blend
from tests.pictures import noise


@pytest.mark.parametrize("value", [0, 1, 127, 128, 254, 255])
def test_blend_of_every_pair_of_values(value: int) -> None:
    first, second = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    foreground, background = np.dstack([first] * 3), np.dstack([second] * 3)
    blended = blend(foreground, background, np.full(first.shape, value, np.uint8))
    exact = (foreground * (value / 255) + background * (1 - value / 255)).round()
    if value in (0, 255):
        np.testing.assert_array_equal(blended, foreground if value else background)
    assert np.abs(blended - exact).max() <= 1
    same = first == second
    np.testing.assert_array_equal(blended[same], foreground[same])


def test_blend_of_every_alpha() -> None:
    alpha = np.arange(256, dtype=np.uint8).reshape(1, 256).repeat(100, axis=0)
    foreground, background = noise((100, 256)), noise((100, 256))[::-1]
    share = alpha[..., None] / 255
    exact = (foreground * share + background * (1 - share)).round()
    blended = blend(foreground, background, alpha)
    assert np.abs(blended - exact).max() <= 1
    np.testing.assert_array_equal(blended[:, 0], background[:, 0])
    np.testing.assert_array_equal(blended[:, 255], foreground[:, 255])


def test_blend_of_a_single_pixel() -> None:
    foreground, background = np.full((70, 9, 3), 8, np.uint8), np.full((70, 9, 3), 5, np.uint8)
    for y, x in ((0, 0), (31, 8), (32, 4), (69, 8)):
        alpha = np.zeros((70, 9), np.uint8)
        alpha[y, x] = 255
        blended = blend(foreground, background, alpha)
        assert (blended[y, x] == 8).all()
        assert (blended == 8).sum() == 3


def test_blend_rejects_a_background_of_another_size() -> None:
    with pytest.raises(ValueError, match="alpha: expected uint8"):
        blend(noise((8, 8)), noise((8, 9)), noise((8, 8), ()))
