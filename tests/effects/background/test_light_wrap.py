"""Light of the background on the edges of the foreground."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from effects.background.light_wrap import planes_with_light_wrap, with_light_wrap
from stream.yuv420 import YuvCoding, YuvPicture
from tests.inputs.pictures import noise

SIZES_HW = [(360, 640), (720, 1280), (361, 643)]


def dark_before_light(size_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    alpha = np.zeros(size_hw, np.uint8)
    centre = size_hw[1] // 2, size_hw[0] // 2
    cv2.circle(alpha, centre, size_hw[0] // 3, 255, -1, cv2.LINE_AA)
    image = np.full((*size_hw, 3), (250, 220, 120), np.uint8)
    image[alpha > 0] = (40, 40, 40)
    return image, alpha


@pytest.mark.parametrize("size_hw", SIZES_HW)
def test_edges_are_lit_and_nothing_else(size_hw: tuple[int, int]) -> None:
    image, alpha = dark_before_light(size_hw)
    shown = with_light_wrap(image, alpha)
    depth = cv2.distanceTransform((alpha > 0).astype(np.uint8), cv2.DIST_L2, 5)
    assert (shown[alpha == 0] == image[alpha == 0]).all()
    deep_inside = depth > 0.06 * size_hw[0]
    assert (shown[deep_inside] == image[deep_inside]).all()
    edge = shown[(depth > 1) & (depth < 3)].astype(int).mean(axis=0)
    assert edge[0] > 70
    assert edge[0] > edge[1] > edge[2], "in the colour of the light"
    rows = shown[size_hw[0] // 2, :, 0].astype(int)
    inside = rows[alpha[size_hw[0] // 2] == 255]
    steps = np.diff(inside[: len(inside) // 2])
    assert steps.max() <= 1, "it falls without steps"
    assert abs(steps).max() < 40


def test_a_darker_background_takes_nothing_away() -> None:
    image, alpha = dark_before_light((360, 640))
    shown = with_light_wrap(255 - image, alpha)
    assert (shown == 255 - image).all()


@pytest.mark.parametrize("size_hw", SIZES_HW[:2])
def test_planes_get_the_same_light(size_hw: tuple[int, int]) -> None:
    image, alpha = dark_before_light(size_hw)
    picture = YuvPicture.of_rgb(image, YuvCoding("bt709"))
    shown = picture.replaced(planes_with_light_wrap(picture.planes, alpha)).rgb.astype(int)
    expected = with_light_wrap(picture.rgb, alpha).astype(int)
    assert np.abs(shown - expected).mean() < 0.5
    depth = cv2.distanceTransform((alpha > 0).astype(np.uint8), cv2.DIST_L2, 5)
    edge = (depth > 2) & (depth < 5)
    assert np.abs(shown[edge].mean(axis=0) - expected[edge].mean(axis=0)).max() < 14


def test_ten_bits_are_lit_as_eight_are() -> None:
    image, alpha = dark_before_light((360, 640))
    planes = YuvPicture.of_rgb(image, YuvCoding("bt709")).planes
    eight = planes_with_light_wrap(planes, alpha)
    ten = planes_with_light_wrap([plane.astype(np.uint16) * 4 for plane in planes], alpha)
    for a, b in zip(eight, ten, strict=True):
        assert b.dtype == np.uint16
        assert np.abs(a.astype(int) * 4 - b).max() <= 12


@pytest.mark.parametrize("value", [0, 255])
def test_without_an_edge_nothing_happens(value: int) -> None:
    image, alpha = noise((90, 160)), np.full((90, 160), value, np.uint8)
    assert with_light_wrap(image, alpha) is image


@pytest.mark.parametrize("size_hw", [(1, 1), (2, 40), (48, 64), (37, 53)])
def test_small_frames(size_hw: tuple[int, int]) -> None:
    alpha = np.zeros(size_hw, np.uint8)
    alpha[: (size_hw[0] + 1) // 2] = 255
    before = noise(size_hw)
    kept = before.copy()
    assert with_light_wrap(before, alpha).shape == before.shape
    assert (before == kept).all()
