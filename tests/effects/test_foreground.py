"""The foreground's own colours where it mixes with the old background."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from effects import Cutout, Replace, blend
from effects.foreground import edge_colours
from tests.inputs.pictures import noise


def before_green(
    size_hw: tuple[int, int], colour: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A foreground of `colour` before bright green, its edge soft and rough, and its alpha."""
    height, width = size_hw
    rng = np.random.default_rng(9)
    alpha = np.zeros(size_hw, np.uint8)
    axes = width // 4, height // 3
    cv2.ellipse(alpha, (width // 2, height // 2), axes, 0, 0, 360, 255, -1)
    for _ in range(60):  # hair
        angle = rng.uniform(0, 2 * np.pi)
        root, tip = ((size * np.cos(angle), size * np.sin(angle)) for size in (0.9, 1.15))
        ends = [
            (round(width / 2 + x * axes[0]), round(height / 2 + y * axes[1]))
            for x, y in (root, tip)
        ]
        cv2.line(alpha, ends[0], ends[1], 255, 2)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), height / 300), np.uint8)
    green = np.full((*size_hw, 3), (40, 250, 60), np.uint8)
    return blend(np.broadcast_to(colour, green.shape).astype(np.uint8), green, alpha), alpha


def shaded(size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Colours that change from place to place, as a face and clothes do."""
    y, x = np.mgrid[: size_hw[0], : size_hw[1]] / max(size_hw) * 2 * np.pi
    waves = np.dstack([np.sin(2 * x), np.cos(3 * y), np.sin(x + 2 * y)])
    return np.asarray(120 + 70 * waves + np.random.default_rng(4).normal(0, 3, waves.shape)).astype(
        np.uint8
    )


@pytest.mark.parametrize("size_hw", [(240, 320), (480, 640), (722, 1281)])
def test_no_fringe_of_the_old_background(size_hw: tuple[int, int]) -> None:
    true = shaded(size_hw)
    image, alpha = before_green(size_hw, true)
    image.setflags(write=False)
    band, estimated = edge_colours(image, alpha)
    in_band = (alpha > 0) & (alpha < 255)
    np.testing.assert_array_equal(band, np.flatnonzero(in_band))
    error = np.abs(estimated.astype(int) - true[in_band]).mean()
    assert error < 0.25 * np.abs(image.astype(int) - true)[in_band].mean()


@pytest.mark.parametrize("colour", [(20, 20, 20), (240, 240, 240), (200, 40, 30)])
def test_replace_and_cutout_show_the_foreground_alone(colour: tuple[int, int, int]) -> None:
    image, alpha = before_green((360, 480), np.array(colour, np.uint8))
    in_band = (alpha > 0) & (alpha < 255)
    true = np.full_like(image, colour)
    violet = np.full_like(image, (120, 0, 130))
    exact, plain = blend(true, violet, alpha), blend(image, violet, alpha)
    replaced = Replace(violet)(image, alpha, 0.0)
    fringe = np.abs(replaced.astype(int) - exact)[in_band].mean()
    assert fringe < 0.2 * np.abs(plain.astype(int) - exact)[in_band].mean()
    np.testing.assert_array_equal(replaced[~in_band], plain[~in_band])
    cut = Cutout()(image, alpha, 0.0)
    colours = cut[..., :3]
    np.testing.assert_array_equal(colours[alpha == 255], image[alpha == 255])
    visible = in_band & (alpha > 32)
    assert np.abs(colours.astype(int) - colour)[visible].mean() < 12


@pytest.mark.parametrize("value", [0, 255])
def test_colours_stay_where_one_of_two_is_nowhere_alone(value: int) -> None:
    image, alpha = noise((50, 60)), np.full((50, 60), 100, np.uint8)
    alpha[:20] = value
    band, colours = edge_colours(image, alpha)
    assert len(band) == 30 * 60
    np.testing.assert_array_equal(colours, image[20:].reshape(-1, 3))


@pytest.mark.parametrize("size_hw", [(60, 80), (61, 83)])
def test_colours_that_are_known_are_taken_as_they_are(size_hw: tuple[int, int]) -> None:
    true, violet = shaded(size_hw), np.full((*size_hw, 3), (120, 0, 130), np.uint8)
    image, alpha = before_green(size_hw, true)
    lies = np.where(((alpha > 0) & (alpha < 255))[..., None], true, np.uint8(9))
    exact = blend(true, violet, alpha)
    replaced = Replace(violet).on_foreground(image, alpha, lies, 0.0)
    np.testing.assert_array_equal(replaced, exact)
    cut = Cutout().on_foreground(image, alpha, lies, 0.0)
    np.testing.assert_array_equal(cut[alpha > 0][:, :3], true[alpha > 0])
    np.testing.assert_array_equal(cut[..., 3], alpha)
    assert not cut[alpha == 0].any()


@pytest.mark.parametrize("effect", [Replace(np.zeros((1, 1, 3), np.uint8)), Cutout()])
def test_known_colours_of_another_shape_are_refused(effect: Replace | Cutout) -> None:
    image, alpha = noise((20, 30)), np.zeros((20, 30), np.uint8)
    for wrong in (noise((20, 31)), noise((20, 30)).astype(np.float32)):
        with pytest.raises(ValueError, match="expected uint8"):
            effect.on_foreground(image, alpha, wrong, 0.0)
