"""Alpha follows the frame's edges, is calm where nothing moves and keeps no ghosts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.picture import RgbPicture
from segmentation.refinement.guided_filter import ALPHA_CONTRAST, FIRST_CONTRAST, Fit, apply, fit
from segmentation.refinement.refiner import Refiner
from segmentation.refinement.temporal_blend import MAX_AGE, TemporalBlend

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


def planar(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.moveaxis(image, 2, 0).astype(np.float32)


def refine_alone(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return Refiner(blend=False).alpha(RgbPicture(image), mask, restart=False)


@pytest.mark.parametrize("size_hw", [(480, 640), (721, 1283), (1080, 1920), (1280, 720)])
def test_alpha_is_closer_to_the_true_edge_than_resizing(size_hw: tuple[int, int]) -> None:
    image, truth = slanted_edge(size_hw)
    mask = small_mask(truth, (144, 256))
    alpha = refine_alone(image, mask)
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
    alpha = refine_alone(image, mask)
    hard = np.where(cv2.resize(mask, (640, 480)) >= 128, 255, 0)
    assert mean_error(alpha, truth) < 0.1 * mean_error(hard, truth)


@pytest.mark.parametrize("shading", [0.0, 25.0])
def test_edge_of_colour_alone_is_followed(shading: float) -> None:
    _, truth = slanted_edge((480, 640))
    image = np.where(truth[..., None] > 0, (150, 80, 80), (60, 125, 84)).astype(np.uint8)
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    assert int(luma.max()) - int(luma.min()) <= 1
    rng = np.random.default_rng(13)
    texture = cv2.GaussianBlur(rng.normal(0, 1, truth.shape), (0, 0), 3)
    texture *= shading / texture.std()
    image = np.clip(image + texture[..., None], 0, 255).astype(np.uint8)
    shifted = np.roll(truth, 4, axis=1)
    shifted[:, :4] = 255
    alpha = refine_alone(image, small_mask(shifted, (144, 256)))
    assert mean_error(alpha, truth) < 0.1 * mean_error(shifted, truth)


def test_colours_count_beside_the_edges_of_the_mask_alone() -> None:
    mask = np.zeros((90, 160), np.float32)
    mask[:, :70] = 255
    picture = np.where(mask[..., None] > 0, (40, 40, 50), (200, 190, 180)).astype(np.uint8)
    picture[30:50, 60:66] = (200, 190, 180)  # a highlight in dark hair
    slopes = np.abs(fit(planar(picture), mask).coefficients[:3]).sum(axis=0)
    assert (slopes[:, 69:71] > 0).all()
    assert not slopes[:, :69].any()
    assert not slopes[:, 71:].any()


def test_band_between_0_and_255_is_narrow() -> None:
    image, truth = slanted_edge((720, 1280))
    alpha = refine_alone(image, small_mask(truth, (144, 256)))
    assert ((alpha > 0) & (alpha < 255)).sum(axis=1).max() < 40
    assert set(np.unique(alpha[:, :100])) == {255}
    assert set(np.unique(alpha[:, -100:])) == {0}


def test_soft_mask_gets_a_crisp_edge() -> None:
    ramp = np.linspace(0, 255, 120).round().astype(np.uint8)
    mask = np.tile(np.concatenate([np.zeros(60, np.uint8), ramp, ramp[-1:].repeat(60)]), (135, 1))
    alpha = refine_alone(np.full((540, 960, 3), 70, np.uint8), mask)
    num_between = ((alpha > 0) & (alpha < 255)).sum(axis=1)
    expected = pytest.approx(480 / (FIRST_CONTRAST * ALPHA_CONTRAST), abs=4)
    assert num_between.min() == expected
    assert num_between.max() == expected


def test_mask_is_kept_where_the_frame_is_flat() -> None:
    truth = np.zeros((480, 640), np.uint8)
    truth[100:380, 300:312] = 255  # a limb 12 pixels wide, which smoothing would eat
    image = np.full((480, 640, 3), 90, np.uint8)
    mask = cv2.resize(truth, (320, 240), interpolation=cv2.INTER_AREA)
    alpha = refine_alone(image, mask)
    assert (alpha[110:370, 302:310] == 255).all()
    assert mean_error(alpha, truth) < 1


@pytest.mark.parametrize("size_hw", [(721, 1280), (1087, 1920), (543, 960)])
def test_last_rows_of_an_odd_size_follow_the_frame(size_hw: tuple[int, int]) -> None:
    image, truth = slanted_edge(size_hw)
    alpha = refine_alone(image, small_mask(truth, (144, 256)))
    assert mean_error(alpha[-1:], truth[-1:]) < 0.2


@pytest.mark.parametrize("cell", [1, 2, 8, 16, 32])
def test_coefficients_are_enlarged_bilinearly(cell: int) -> None:
    rng = np.random.default_rng(2)
    height, width = 41, 67
    image = rng.integers(0, 256, (height * cell, width * cell, 3), dtype=np.uint8)
    coefficients = rng.normal(0, 0.3, (4, height, width)).astype(np.float32)
    coefficients[3] += 100
    means = rng.normal(128, 100, (height, width)).astype(np.float32)
    is_mixed = rng.random((height, width)) < 0.6
    large = [cv2.resize(plane, image.shape[1::-1]) for plane in coefficients]
    whole = sum(image[..., i] * large[i] for i in range(3)) + large[3]
    alpha = apply(Fit(coefficients, means, is_mixed), RgbPicture(image), None)
    is_fitted = np.kron(is_mixed, np.ones((cell, cell))) > 0
    assert np.abs(alpha - np.clip(whole, 0, 255))[is_fitted].max() < 0.51
    enlarged = cv2.resize(np.clip(means, 0, 255), image.shape[1::-1])
    assert np.abs(alpha - enlarged)[~is_fitted].max() < 1.5


@pytest.mark.parametrize("cell", [1, 4, 16])
def test_cells_like_those_around_them_are_as_if_enlarged_bilinearly(cell: int) -> None:
    means = np.full((20, 30), -90, np.float32)
    means[5:, 12:] = 300
    means[:, 25:] = 77
    flat = np.clip(means, 0, 255).astype(np.uint8)
    is_mixed = cv2.morphologyEx(flat, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    fitted = Fit(np.zeros((4, 20, 30), np.float32), means, is_mixed)
    picture = RgbPicture(np.zeros((20 * cell, 30 * cell, 3), np.uint8))
    enlarged = cv2.resize(flat, (30 * cell, 20 * cell))
    enlarged[np.kron(is_mixed, np.ones((cell, cell))) > 0] = 0
    np.testing.assert_array_equal(apply(fitted, picture, None), enlarged)


def test_small_changes_of_alpha_do_not_show() -> None:
    picture = RgbPicture(np.zeros((8, 16, 3), np.uint8))
    coefficients = np.zeros((4, 4, 8), np.float32)
    past = np.full((8, 16), 200, np.uint8)
    means, is_mixed = np.zeros((4, 8), np.float32), np.ones((4, 8), bool)
    for value, expected in ((184, 200), (183, 183), (216, 200), (217, 217)):
        coefficients[3] = value
        assert (apply(Fit(coefficients, means, is_mixed), picture, past) == expected).all()
    coefficients[3] = 255
    assert (apply(Fit(coefficients, means, is_mixed), picture, past + np.uint8(50)) == 255).all()
    coefficients[3] = 0
    assert (apply(Fit(coefficients, means, is_mixed), picture, np.full_like(past, 9)) == 0).all()


@pytest.mark.parametrize("size_hw", [(1081, 1089), (1080, 1920), (541, 543)])
def test_mask_is_not_shifted_at_the_far_border(size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    mask = np.zeros((240, 320), np.uint8)
    mask[224:, 300:] = 255
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 3))
    image = np.full((*size_hw, 3), 90, np.uint8)
    inside = refine_alone(image, mask) >= 128
    assert inside.any(axis=1).argmax() == pytest.approx(224 / 240 * height, abs=2.5)
    assert inside.any(axis=0).argmax() == pytest.approx(300 / 320 * width, abs=2.5)


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("blend", [True, False])
def test_constant_mask_stays_constant_on_any_picture(value: int, blend: bool) -> None:
    rng = np.random.default_rng(3)
    refiner = Refiner(blend=blend)
    for _ in range(3):
        image = rng.integers(0, 256, (361, 643, 3), dtype=np.uint8)
        alpha = refiner.alpha(
            RgbPicture(image), np.full((144, 256), value, np.uint8), restart=False
        )
        assert (alpha == value).all()


def test_large_steady_difference_in_luma_does_not_overflow() -> None:
    stripes = (np.arange(640) // 3 % 2 * 255).astype(np.uint8)
    image = np.repeat(np.tile(stripes, (480, 1))[..., None], 3, axis=2)
    mask = np.asarray(cv2.resize(image[..., 0], (320, 240), interpolation=cv2.INTER_NEAREST))
    alpha = refine_alone(image, mask)
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
        assert refiner.alpha(RgbPicture(image), mask, restart=False).shape == image_hw


def test_mask_as_large_as_the_frame() -> None:
    image, truth = slanted_edge((540, 720))
    alpha = refine_alone(image, truth)
    assert mean_error(alpha, truth) < 1


def test_arguments_are_untouched() -> None:
    image, truth = slanted_edge((300, 400))
    mask = small_mask(truth, (150, 200))
    kept = image.copy(), mask.copy()
    image.setflags(write=False)
    mask.setflags(write=False)
    refiner = Refiner(blend=True)
    first = refiner.alpha(RgbPicture(image), mask, restart=False)
    kept_first = first.copy()
    refiner.alpha(RgbPicture(image[::-1]), mask[::-1], restart=False)
    np.testing.assert_array_equal(image, kept[0])
    np.testing.assert_array_equal(mask, kept[1])
    np.testing.assert_array_equal(first, kept_first)


def test_wrong_arguments_are_named() -> None:
    image, mask = np.zeros((8, 9, 3), np.uint8), np.zeros((4, 5), np.uint8)
    refiner = Refiner(blend=True)
    for wrong in (image[..., 0], image.astype(np.float32), image[:0]):
        with pytest.raises(ValueError, match="image: expected uint8"):
            refiner.alpha(RgbPicture(wrong), mask, restart=False)
    for wrong in (mask.astype(np.float32), image, mask[:0]):
        with pytest.raises(ValueError, match="mask: expected uint8"):
            refiner.alpha(RgbPicture(image), wrong, restart=False)


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
        alpha = refiner.alpha(RgbPicture(frame_of(mask)), mask, restart=False)
        alone = refine_alone(frame_of(mask), mask)
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
        alphas = [
            refiner.alpha(RgbPicture(image), m.astype(np.uint8), restart=False) for m in masks
        ]
        steps = np.abs(np.diff(np.stack(alphas[5:]).astype(int), axis=0))
        flicker[blend] = steps.mean()
    assert flicker[True] < 0.3 * flicker[False]


def test_restart_forgets() -> None:
    image = np.full((360, 640, 3), 100, np.uint8)
    old = np.full((144, 256), 120, np.uint8)
    new = np.full((144, 256), 135, np.uint8)
    fresh = Refiner(blend=True).alpha(RgbPicture(image), new, restart=False)
    refiner = Refiner(blend=True)
    refiner.alpha(RgbPicture(image), old, restart=False)
    restarted = refiner.alpha(RgbPicture(image), new, restart=True)
    np.testing.assert_array_equal(restarted, fresh)
    refiner = Refiner(blend=True)
    refiner.alpha(RgbPicture(image), old, restart=False)
    assert (refiner.alpha(RgbPicture(image), new, restart=False) < fresh).all()


def test_frame_of_another_size_starts_anew() -> None:
    old, new = np.full((144, 256), 120, np.uint8), np.full((144, 256), 135, np.uint8)
    refiner = Refiner(blend=True)
    refiner.alpha(RgbPicture(np.full((360, 640, 3), 100, np.uint8)), old, restart=False)
    image = np.full((350, 640, 3), 100, np.uint8)
    fresh = refine_alone(image, new)
    np.testing.assert_array_equal(refiner.alpha(RgbPicture(image), new, restart=False), fresh)


def test_mask_of_another_size_goes_on() -> None:
    image = np.full((360, 640, 3), 100, np.uint8)
    refiner = Refiner(blend=True)
    refiner.alpha(RgbPicture(image), np.full((144, 256), 120, np.uint8), restart=False)
    alpha = refiner.alpha(RgbPicture(image), np.full((100, 200), 135, np.uint8), restart=False)
    assert (alpha < refine_alone(image, np.full((100, 200), 135, np.uint8))).all()


CELLS_HW = (60, 80)


def noisy_picture(rng: np.random.Generator, sigma: float = 1.0) -> NDArray[np.uint8]:
    """A still scene with the noise of a camera, two halves of different brightness."""
    scene = np.full((*CELLS_HW, 3), 90.0)
    scene[:, 40:] = 160
    return np.clip(scene + rng.normal(0, sigma, scene.shape), 0, 255).astype(np.uint8)


def plane(value: float) -> NDArray[np.float32]:
    return np.full(CELLS_HW, value, np.float32)


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0])
def test_masks_of_a_still_picture_are_averaged_however_much_they_change(sigma: float) -> None:
    rng = np.random.default_rng(10)
    over_time = TemporalBlend()
    blended = [
        over_time.blend(planar(noisy_picture(rng, sigma)), plane(255 * (i % 2))) for i in range(40)
    ]
    steps = np.abs(np.diff(np.stack(blended[20:]), axis=0))
    assert steps.mean() < 1.3 * 255 / 2 / MAX_AGE
    assert np.abs(blended[-1] - 127.5).max() < 30


def test_new_mask_counts_alone_where_the_picture_changed() -> None:
    rng = np.random.default_rng(11)
    over_time = TemporalBlend()
    for _ in range(20):
        over_time.blend(planar(noisy_picture(rng)), plane(200))
    picture = noisy_picture(rng)
    picture[20:40, 10:20] += 40
    blended = over_time.blend(planar(picture), plane(40))
    assert (blended[20:40, 10:20] == 40).all()
    assert blended[:, 50:].min() > 180


def test_first_masks_after_a_motion_weigh_most() -> None:
    over_time = TemporalBlend()
    still = np.full((*CELLS_HW, 3), 90, np.uint8)
    over_time.blend(planar(still) + 50, plane(0))
    values = [over_time.blend(planar(still), plane(mask))[5, 5] for mask in (100, 200, 0)]
    assert values == pytest.approx([100, 150, 100])


def test_slow_motion_is_seen_in_the_end() -> None:
    over_time = TemporalBlend()
    x = np.arange(CELLS_HW[1])
    for i in range(300):
        front = 20 + i * 0.1  # in cells: the picture changes by 2.4 of 255 from frame to frame
        mask = np.tile(np.clip((front - x) * 255, 0, 255).astype(np.float32), (CELLS_HW[0], 1))
        picture = np.repeat((60 + mask * (24 / 255)).round().astype(np.uint8)[..., None], 3, axis=2)
        blended = over_time.blend(planar(picture), mask)
        assert np.abs(blended - mask).sum(axis=1).max() < 0.8 * 255  # in cells: 0.8


def test_moving_camera_leaves_no_ghost() -> None:
    rng = np.random.default_rng(12)
    wide = cv2.GaussianBlur(rng.normal(0, 400, (60, 400, 3)), (0, 0), 3) + 120
    scene = np.clip(wide, 0, 255).astype(np.uint8)
    over_time = TemporalBlend()
    for i in range(60):
        mask = np.zeros(CELLS_HW, np.float32)
        mask[:, max(0, 100 - 3 * i) : max(0, 130 - 3 * i)] = 255
        blended = over_time.blend(planar(scene[:, 3 * i : 3 * i + 80]), mask)
        assert np.abs(blended - mask).mean() < 8
