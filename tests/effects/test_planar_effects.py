"""Effects on frames in planes: the same as on RGB, and to the bit where they change nothing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from effects import Blur, PlanarEffect, Unchanged, parse_effect
from stream.yuv420 import YuvCoding, YuvPicture

CODING = YuvCoding("bt709")


def coded_photo(size_hw: tuple[int, int]) -> YuvPicture:
    coarse = np.random.default_rng(3).integers(80, 176, (9, 12, 3), np.uint8)
    image = cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
    return YuvPicture.of_rgb(np.asarray(image, np.uint8), CODING)


def disc(size_hw: tuple[int, int]) -> np.ndarray:
    alpha = np.zeros(size_hw, np.uint8)
    centre = size_hw[1] // 2, size_hw[0] // 2
    cv2.circle(alpha, centre, size_hw[0] // 3, 255, -1)
    return np.asarray(cv2.GaussianBlur(alpha, (5, 5), 0))


@pytest.mark.parametrize("strength", [0.01, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("size_hw", [(96, 128), (360, 640)])
def test_blurred_planes_are_the_blurred_frame(size_hw: tuple[int, int], strength: float) -> None:
    picture, alpha = coded_photo(size_hw), disc(size_hw)
    kept = [plane.copy() for plane in picture.planes]
    blur = Blur(strength)
    planes = blur.on_planes(picture, alpha)
    difference = picture.replaced(planes).rgb.astype(int) - blur(picture.rgb, alpha, 0.0)
    # colours beside the foreground have half the size, and do not reach as near to it
    assert np.abs(difference).mean() < 1.5
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.25
    for plane, before in zip(picture.planes, kept, strict=True):
        np.testing.assert_array_equal(plane, before)


def test_foreground_stays_to_the_bit() -> None:
    picture, alpha = coded_photo((360, 640)), disc((360, 640))
    luma, blue, _ = Blur().on_planes(picture, alpha)
    np.testing.assert_array_equal(luma[alpha == 255], picture.planes[0][alpha == 255])
    inside = cv2.erode(alpha, np.ones((5, 5), np.uint8))[::2, ::2] == 255
    np.testing.assert_array_equal(blue[inside], picture.planes[1][inside])


def test_everything_is_blurred_without_a_mask() -> None:
    picture = coded_photo((360, 640))
    for plane, before in zip(
        Blur(1.0).on_planes(picture, np.zeros((360, 640), np.uint8)),
        picture.planes,
        strict=True,
    ):
        assert plane.std() < 0.9 * before.std()


def test_nothing_is_done_to_planes_by_the_effect_that_does_nothing() -> None:
    picture = coded_photo((96, 128))
    planes = Unchanged().on_planes(picture, disc((96, 128)))
    assert all(a is b for a, b in zip(planes, picture.planes, strict=True))


def test_effects_that_know_colours_want_rgb() -> None:
    def read(path: object) -> np.ndarray:
        raise AssertionError

    for text in ("grey", "replace=#102030", "mask", "cutout", "overlay"):
        assert not isinstance(parse_effect(text, read), PlanarEffect)
    for text in ("blur", "blur=0.2", "none"):
        assert isinstance(parse_effect(text, read), PlanarEffect)
