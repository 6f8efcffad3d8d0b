"""Alpha follows the frame's edges, is calm where nothing moves and keeps no ghosts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.refine import SLOPE_UNITS, Refiner, _apply

WHITE, BLACK = 255, 0


def slanted_edge(size_hw: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image of a bright slanted half-plane on dark noise, and its exact alpha."""
    height, width = size_hw
    y, x = np.mgrid[:height, :width]
    truth = np.where(x + 0.4 * y < 0.55 * width, 255, 0).astype(np.uint8)
    noise = np.random.default_rng(1).normal(0, 4, (height, width, 3))
    colour = np.where(truth[..., None] > 0, (190, 150, 120), (60, 80, 70))
    return np.clip(colour + noise, 0, 255).astype(np.uint8), truth


def small_mask(truth: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    small = cv2.resize(truth, size_hw[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.5))


def mean_error(alpha: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    return float(np.abs(alpha.astype(int) - truth).mean())


@pytest.mark.parametrize("size_hw", [(480, 640), (721, 1283), (1080, 1920), (1280, 720)])
def test_alpha_is_closer_to_the_true_edge_than_resizing(size_hw: tuple[int, int]) -> None:
    image, truth = slanted_edge(size_hw)
    mask = small_mask(truth, (144, 256))
    alpha = Refiner(blend=False).alpha(image, mask, restart=False)
    bilinear = cv2.resize(mask, size_hw[::-1])
    assert alpha.dtype == np.uint8
    assert alpha.shape == size_hw
    hard = np.where(bilinear >= 128, 255, 0)
    assert mean_error(alpha, truth) < 0.5 * mean_error(hard, truth)
    assert mean_error(alpha, truth) < 0.1 * mean_error(bilinear, truth)


def test_edge_of_the_mask_is_drawn_to_the_frame() -> None:
    image, truth = slanted_edge((480, 640))
    shifted = np.roll(truth, 2, axis=1)
    shifted[:, :2] = 255
    mask = small_mask(shifted, (144, 256))
    alpha = Refiner(blend=False).alpha(image, mask, restart=False)
    hard = np.where(cv2.resize(mask, (640, 480)) >= 128, 255, 0)
    assert mean_error(alpha, truth) < 0.1 * mean_error(hard, truth)


def test_band_between_0_and_255_is_narrow() -> None:
    image, truth = slanted_edge((720, 1280))
    alpha = Refiner(blend=False).alpha(image, small_mask(truth, (144, 256)), restart=False)
    assert ((alpha > 0) & (alpha < 255)).sum(axis=1).max() < 40
    assert set(np.unique(alpha[:, :100])) == {255}
    assert set(np.unique(alpha[:, -100:])) == {0}


def test_soft_mask_gets_a_crisp_edge() -> None:
    ramp = np.linspace(0, 255, 120).round().astype(np.uint8)
    mask = np.tile(np.concatenate([np.zeros(60, np.uint8), ramp, ramp[-1:].repeat(60)]), (135, 1))
    alpha = Refiner(blend=False).alpha(np.full((540, 960, 3), 70, np.uint8), mask, restart=False)
    num_between = ((alpha > 0) & (alpha < 255)).sum(axis=1)
    assert 0.5 * 480 / 8 < num_between.min() <= num_between.max() < 1.2 * 480 / 8


def test_mask_is_kept_where_the_frame_is_flat() -> None:
    truth = np.zeros((480, 640), np.uint8)
    truth[100:380, 300:312] = 255  # a limb 12 pixels wide, which smoothing would eat
    image = np.full((480, 640, 3), 90, np.uint8)
    mask = cv2.resize(truth, (320, 240), interpolation=cv2.INTER_AREA)
    alpha = Refiner(blend=False).alpha(image, mask, restart=False)
    assert (alpha[110:370, 302:310] == 255).all()
    assert mean_error(alpha, truth) < 1


@pytest.mark.parametrize("size_hw", [(721, 1280), (1087, 1920), (543, 960)])
def test_last_rows_of_an_odd_size_follow_the_frame(size_hw: tuple[int, int]) -> None:
    image, truth = slanted_edge(size_hw)
    alpha = Refiner(blend=False).alpha(image, small_mask(truth, (144, 256)), restart=False)
    assert mean_error(alpha[-1:], truth[-1:]) < 0.2


def test_strips_fit_together() -> None:
    rng = np.random.default_rng(2)
    luma = rng.integers(0, 256, (720, 480), dtype=np.uint8)
    slope = rng.integers(-9000, 9000, (180, 120)).astype(np.int16)
    slope[:, :20] = slope[60:70] = 0
    offset = rng.integers(-2000, 2000, slope.shape).astype(np.int16)
    slopes, offsets = (cv2.resize(small, (480, 720)) for small in (slope, offset))
    whole = (slopes * (luma / SLOPE_UNITS)).round() + offsets
    alpha = _apply(slope, offset, luma, 4)
    is_fitted = slopes != 0
    np.testing.assert_array_equal(alpha[is_fitted], np.clip(whole, 0, 255)[is_fitted])


@pytest.mark.parametrize("size_hw", [(1081, 1089), (1080, 1920), (541, 543)])
def test_mask_is_not_shifted_at_the_far_border(size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    mask = np.zeros((240, 320), np.uint8)
    mask[224:, 300:] = 255
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 3))
    image = np.full((*size_hw, 3), 90, np.uint8)
    inside = Refiner(blend=False).alpha(image, mask, restart=False) >= 128
    assert inside.any(axis=1).argmax() == pytest.approx(224 / 240 * height, abs=2.5)
    assert inside.any(axis=0).argmax() == pytest.approx(300 / 320 * width, abs=2.5)


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("blend", [True, False])
def test_constant_mask_stays_constant_on_any_picture(value: int, blend: bool) -> None:
    rng = np.random.default_rng(3)
    refiner = Refiner(blend=blend)
    for _ in range(3):
        image = rng.integers(0, 256, (361, 643, 3), dtype=np.uint8)
        alpha = refiner.alpha(image, np.full((144, 256), value, np.uint8), restart=False)
        assert (alpha == value).all()


def test_large_steady_difference_in_luma_does_not_overflow() -> None:
    stripes = (np.arange(640) // 3 % 2 * 255).astype(np.uint8)
    image = np.repeat(np.tile(stripes, (480, 1))[..., None], 3, axis=2)
    mask = np.asarray(cv2.resize(image[..., 0], (320, 240), interpolation=cv2.INTER_NEAREST))
    alpha = Refiner(blend=False).alpha(image, mask, restart=False)
    agrees = (alpha >= 128) == (image[..., 0] >= 128)
    assert agrees.mean() > 0.8


@pytest.mark.parametrize("mask_hw", [(1, 1), (256, 256), (37, 53)])
@pytest.mark.parametrize("image_hw", [(1, 1), (1, 700), (700, 1), (37, 53), (541, 543)])
def test_any_sizes(image_hw: tuple[int, int], mask_hw: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    refiner = Refiner(blend=True)
    for _ in range(2):
        image = rng.integers(0, 256, (*image_hw, 3), dtype=np.uint8)
        mask = rng.integers(0, 256, mask_hw, dtype=np.uint8)
        assert refiner.alpha(image, mask, restart=False).shape == image_hw


def test_mask_as_large_as_the_frame() -> None:
    image, truth = slanted_edge((540, 720))
    alpha = Refiner(blend=False).alpha(image, truth, restart=False)
    assert mean_error(alpha, truth) < 1


def test_arguments_are_untouched() -> None:
    image, truth = slanted_edge((300, 400))
    mask = small_mask(truth, (150, 200))
    kept = image.copy(), mask.copy()
    image.setflags(write=False)
    mask.setflags(write=False)
    refiner = Refiner(blend=True)
    first = refiner.alpha(image, mask, restart=False)
    kept_first = first.copy()
    refiner.alpha(image[::-1], mask[::-1], restart=False)
    np.testing.assert_array_equal(image, kept[0])
    np.testing.assert_array_equal(mask, kept[1])
    np.testing.assert_array_equal(first, kept_first)


def test_wrong_arguments_are_named() -> None:
    image, mask = np.zeros((8, 9, 3), np.uint8), np.zeros((4, 5), np.uint8)
    refiner = Refiner(blend=True)
    for wrong in (image[..., 0], image.astype(np.float32), image[:0]):
        with pytest.raises(ValueError, match="image: expected uint8"):
            refiner.alpha(wrong, mask, restart=False)
    for wrong in (mask.astype(np.float32), image, mask[:0]):
        with pytest.raises(ValueError, match="mask: expected uint8"):
            refiner.alpha(image, wrong, restart=False)


def square_at(left: int) -> NDArray[np.uint8]:
    mask = np.zeros((144, 256), np.uint8)
    mask[40:100, left : left + 60] = 255
    return mask


def frame_of(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    large = cv2.resize(mask, (640, 360), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(large // 2 + 60, cv2.COLOR_GRAY2RGB))


def test_moving_square_leaves_no_ghost() -> None:
    refiner = Refiner(blend=True)
    for left in range(0, 180, 6):
        mask = square_at(left)
        alpha = refiner.alpha(frame_of(mask), mask, restart=False)
        alone = Refiner(blend=False).alpha(frame_of(mask), mask, restart=False)
        assert np.abs(alpha.astype(int) - alone).mean() < 0.1
        assert ((alpha >= 128) != (alone >= 128)).sum() < 10


def test_flicker_on_a_still_picture_falls() -> None:
    image, truth = slanted_edge((360, 640))
    image = np.full_like(image, 100)  # no edge to hold on to: what is left is the blending
    steady = cv2.GaussianBlur(small_mask(truth, (144, 256)), (0, 0), 4).astype(np.float32)
    rng = np.random.default_rng(8)
    flicker = {}
    masks = [
        np.clip(steady + cv2.GaussianBlur(rng.normal(0, 60, steady.shape), (0, 0), 2), 0, 255)
        for _ in range(20)
    ]
    for blend in (True, False):
        refiner = Refiner(blend=blend)
        alphas = [refiner.alpha(image, m.astype(np.uint8), restart=False) for m in masks]
        steps = np.abs(np.diff(np.stack(alphas[5:]).astype(int), axis=0))
        flicker[blend] = steps.mean()
    assert flicker[True] < 0.6 * flicker[False]


def test_restart_forgets() -> None:
    image = np.full((360, 640, 3), 100, np.uint8)
    old = np.full((144, 256), 120, np.uint8)
    new = np.full((144, 256), 135, np.uint8)
    fresh = Refiner(blend=True).alpha(image, new, restart=False)
    refiner = Refiner(blend=True)
    refiner.alpha(image, old, restart=False)
    restarted = refiner.alpha(image, new, restart=True)
    np.testing.assert_array_equal(restarted, fresh)
    refiner = Refiner(blend=True)
    refiner.alpha(image, old, restart=False)
    assert (refiner.alpha(image, new, restart=False) < fresh).all()


def test_mask_of_another_size_starts_anew() -> None:
    image = np.full((360, 640, 3), 100, np.uint8)
    refiner = Refiner(blend=True)
    refiner.alpha(image, np.full((144, 256), 120, np.uint8), restart=False)
    alpha = refiner.alpha(image, np.full((100, 200), 135, np.uint8), restart=False)
    fresh = Refiner(blend=False).alpha(image, np.full((100, 200), 135, np.uint8), restart=False)
    np.testing.assert_array_equal(alpha, fresh)
