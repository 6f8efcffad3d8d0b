"""People lifted in the dark, what is behind them not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from effects.picture.light import MAX_GAIN, Light, gamma_for
from stream.colour.deep_picture import DeepCoding, DeepPicture, ToDeep
from stream.colour.screen import Colours
from stream.yuv420 import YuvCoding, YuvPicture
from tests.inputs.pictures import noise


def somebody(level: float, size_hw: tuple[int, int] = (180, 320)) -> tuple[np.ndarray, np.ndarray]:
    """A face of some brightness before a wall of half of it."""
    alpha = np.zeros(size_hw, np.uint8)
    cv2.circle(alpha, (size_hw[1] // 2, size_hw[0] // 2), size_hw[0] // 3, 255, -1, cv2.LINE_AA)
    face = np.array([1.25, 0.95, 0.8]) * level
    image = np.where(alpha[..., None] > 0, face, np.full(3, level / 2))
    return np.rint(image).astype(np.uint8), alpha


@pytest.mark.parametrize("level", [20, 50, 90])
def test_who_is_in_the_dark_is_lifted_and_the_room_is_not(level: int) -> None:
    image, alpha = somebody(level)
    shown = Light(gamma_for(image, alpha))(image, alpha)
    assert (shown[alpha == 0] == image[alpha == 0]).all()
    inside = alpha == 255
    before, after = image[inside].mean(axis=0), shown[inside].mean(axis=0)
    assert (after > 1.15 * before).all()
    assert after.max() < 200
    np.testing.assert_allclose(after / after.sum(), before / before.sum(), atol=0.02)


def test_who_is_well_lit_stays_as_they_are() -> None:
    image, alpha = somebody(150)
    assert gamma_for(image, alpha) == 1


def test_dark_clothes_do_not_make_a_face_too_bright() -> None:
    image, alpha = somebody(150)
    image[100:][alpha[100:] > 0] = 8
    assert gamma_for(image, alpha) > 0.95


def test_nobody_is_nobody() -> None:
    image, empty = noise((40, 60)), np.zeros((40, 60), np.uint8)
    assert gamma_for(image, empty) == 1
    assert Light(0.5)(image, empty) is image


def test_noise_of_the_dark_is_not_blown_up() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    shown = Light(0.5)(ramp, np.full((1, 256), 255, np.uint8))[0, :, 0].astype(int)
    assert (np.diff(shown) >= 0).all(), "and there are no bands"
    assert shown[4] <= MAX_GAIN * 4 + 1
    assert shown[255] == 255


@pytest.mark.parametrize("full_range", [False, True])
def test_planes_are_lifted_alike(full_range: bool) -> None:
    image, alpha = somebody(50)
    picture = YuvPicture.of_rgb(image, YuvCoding("bt709", full_range))
    kept = [plane.copy() for plane in picture.planes]
    planes = Light(0.6).on_planes(picture.planes, alpha, full_range=full_range)
    shown, expected = picture.replaced(planes).rgb.astype(int), Light(0.6)(image, alpha)
    inside = cv2.erode(alpha, np.ones((7, 7), np.uint8)) == 255
    assert np.abs(shown[inside].mean(axis=0) - expected[inside].mean(axis=0)).max() < 4
    outside = cv2.dilate(alpha, np.ones((7, 7), np.uint8)) == 0
    assert (shown[outside] == picture.rgb.astype(int)[outside]).all()
    for before, plane in zip(kept, picture.planes, strict=True):
        np.testing.assert_array_equal(before, plane)


@pytest.mark.parametrize("transfer", ["bt709", "smpte2084", "arib-std-b67"])
def test_ten_bits_and_hdr_are_lifted_as_a_screen_shows_them(transfer: str) -> None:
    image, alpha = somebody(50)
    coding = DeepCoding(YuvCoding("bt2020nc"), Colours("bt2020", transfer))
    picture = DeepPicture.of_srgb(image, coding)
    light = Light(0.6, ToDeep(coding.colours))
    shown = picture.replaced(light.on_planes(picture.planes, alpha, full_range=False)).rgb
    expected = Light(0.6)(image, alpha).astype(int)
    inside = cv2.erode(alpha, np.ones((7, 7), np.uint8)) == 255
    assert np.abs(shown[inside].mean(axis=0) - expected[inside].mean(axis=0)).max() < 12


def test_odd_sizes() -> None:
    picture = YuvPicture(
        noise((37, 53), ()), noise((19, 27), ()), noise((19, 27), ()), YuvCoding("bt709")
    )
    alpha = np.full((37, 53), 255, np.uint8)
    planes = Light(0.6).on_planes(picture.planes, alpha, full_range=False)
    assert [plane.shape for plane in planes] == [(37, 53), (19, 27), (19, 27)]
