"""A foreground over a background, for every value of alpha."""

from __future__ import annotations

import numpy as np
import pytest

from effects import blend
from effects.composite import blend_onto
from tests.inputs.pictures import noise


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


@pytest.mark.parametrize("shape", [(64, 80), (33, 35), (42, 61, 3), (40, 50, 2), (1, 1)])
@pytest.mark.parametrize("share_between", [0.0, 0.03, 1.0])
def test_blend_in_place_of_the_background(shape: tuple[int, ...], share_between: float) -> None:
    rng = np.random.default_rng(1)
    alpha = np.zeros(shape[:2], np.uint8)
    alpha[shape[0] // 3 :, shape[1] // 4 : shape[1] // 2] = 255
    is_between = rng.random(shape[:2]) < share_between
    alpha[is_between] = rng.integers(1, 255, is_between.sum())
    foreground, background = (rng.integers(0, 256, shape, np.uint8) for _ in range(2))
    share = (alpha / 255).reshape(*shape[:2], *[1] * (len(shape) - 2))
    exact = (foreground * share + background * (1 - share)).round()
    blended = background.copy()
    blend_onto(blended, foreground, alpha)
    assert np.abs(blended - exact).max() <= 1
    np.testing.assert_array_equal(blended[~is_between], exact[~is_between])


def test_blend_rejects_a_background_of_another_size() -> None:
    with pytest.raises(ValueError, match="alpha: expected uint8"):
        blend(noise((8, 8)), noise((8, 9)), noise((8, 8), ()))
