"""What every effect promises, and what each one does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from effects import EFFECTS, Background, Effect

SIZES_HW = [(48, 64), (37, 53), (1, 1), (1, 40), (40, 1), (301, 299)]
#: what follows `NAME=` where the effect needs it
VALUES = {"replace": "#10c020"}


def no_video(path: Path) -> Background:
    raise AssertionError(f"{path} taken for a video")


def build(name: str) -> Effect:
    return EFFECTS[name](VALUES.get(name), no_video)


def noise(size_hw: tuple[int, int], channels: tuple[int, ...] = (3,)) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (*size_hw, *channels), dtype=np.uint8)


@pytest.mark.parametrize("size_hw", SIZES_HW)
@pytest.mark.parametrize("name", EFFECTS)
def test_effect_keeps_size_and_leaves_arguments_alone(name: str, size_hw: tuple[int, int]) -> None:
    effect = build(name)
    image = noise(size_hw)
    for alpha in (noise(size_hw, ()), np.zeros(size_hw, np.uint8), np.full(size_hw, 255, np.uint8)):
        before = image.copy(), alpha.copy()
        image.setflags(write=False)
        alpha.setflags(write=False)
        result = effect(image, alpha, 0.0)
        assert result.dtype == np.uint8
        assert result.shape == (*size_hw, 4 if effect.has_alpha else 3)
        np.testing.assert_array_equal(image, before[0])
        np.testing.assert_array_equal(alpha, before[1])


@pytest.mark.parametrize("name", EFFECTS)
def test_effect_gives_an_array_of_its_own_where_it_changes_something(name: str) -> None:
    image, alpha = noise((20, 30)), noise((20, 30), ())
    first = build(name)(image, alpha, 0.0)
    if name != "none":
        assert not np.shares_memory(first, image)
        assert not np.shares_memory(first, alpha)
        kept = first.copy()
        build(name)(image[::-1].copy(), alpha, 1.0)
        np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("name", EFFECTS)
def test_effect_takes_arrays_that_are_views(name: str) -> None:
    image, alpha = noise((40, 60)), noise((40, 60), ())
    view, alpha_view = image[3:33, 5:50], alpha[3:33, 5:50]
    np.testing.assert_array_equal(
        build(name)(view, alpha_view, 0.0), build(name)(view.copy(), alpha_view.copy(), 0.0)
    )


@pytest.mark.parametrize("name", EFFECTS)
def test_effect_rejects_wrong_arguments(name: str) -> None:
    effect = build(name)
    image, alpha = noise((8, 9)), noise((8, 9), ())
    for wrong in (image.astype(np.float32), image[..., :2], image[..., 0], image[:0]):
        with pytest.raises(ValueError, match="image: expected uint8"):
            effect(wrong, alpha[: len(wrong)], 0.0)
    for wrong_alpha in (alpha.astype(np.float32), alpha[1:], alpha[..., None]):
        with pytest.raises(ValueError, match="alpha: expected uint8"):
            effect(image, wrong_alpha, 0.0)


@pytest.mark.parametrize("name", ["blur", "grey", "replace"])
def test_foreground_stays_exactly(name: str) -> None:
    image = noise((90, 80))
    alpha = np.zeros((90, 80), np.uint8)
    alpha[20:70, 30:60] = 255
    result = build(name)(image, alpha, 0.0)
    np.testing.assert_array_equal(result[20:70, 30:60], image[20:70, 30:60])
    whole = build(name)(image, np.full_like(alpha, 255), 0.0)
    np.testing.assert_array_equal(whole, image)
