"""What every effect promises, and what each one does."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from effects import (
    EFFECTS,
    Background,
    Blur,
    Cutout,
    Effect,
    Grey,
    Mask,
    Overlay,
    Replace,
    Unchanged,
    blend,
    draw_instances,
    parse_effect,
)
from effects.blur import box_sizes
from effects.foreground import edge_colours
from effects.replace import cover

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


def person_and_room(size_hw: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A red ellipse on plain green, its edge one pixel soft."""
    height, width = size_hw
    alpha = np.zeros(size_hw, np.uint8)
    axes = width // 6, height // 3
    cv2.ellipse(alpha, (width // 2, height // 2), axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    image = blend(
        np.full((*size_hw, 3), (255, 0, 0), np.uint8),
        np.full((*size_hw, 3), (0, 200, 0), np.uint8),
        alpha,
    )
    return image, alpha


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
    assert abs(whole.mean() - image.mean()) < 1


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


@pytest.mark.parametrize("sigma_px", [0.0, 0.3, 1.0, 2.0, 4.5, 6.75, 13.5, 40.0])
def test_box_sizes_come_close_to_a_gaussian(sigma_px: float) -> None:
    sizes = box_sizes(sigma_px)
    assert len(sizes) == 3
    assert all(size >= 1 and size % 2 == 1 for size in sizes)
    variance = sum((size**2 - 1) / 12 for size in sizes)
    assert variance**0.5 == pytest.approx(sigma_px, rel=0.05, abs=0.6)


def test_blur_rejects_a_strength_out_of_range() -> None:
    for strength in (0.0, -1.0, 1.01, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"strength must be in \(0, 1\]"):
            Blur(strength)


def test_grey_takes_colour_from_the_background_alone() -> None:
    _, alpha = person_and_room((60, 80))
    image = np.full((60, 80, 3), (250, 100, 20), np.uint8)
    result = Grey()(image, alpha, 0.0)
    assert (result[alpha == 0] == round(0.299 * 250 + 0.587 * 100 + 0.114 * 20)).all()
    np.testing.assert_array_equal(result[alpha == 255], image[alpha == 255])


def test_mask_is_black_and_white() -> None:
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
    result = Mask()(noise((16, 16)), alpha, 0.0)
    expected = np.where(alpha >= 128, 255, 0)
    for channel in range(3):
        np.testing.assert_array_equal(result[..., channel], expected)


def test_cutout_keeps_straight_colours_and_hides_the_room() -> None:
    image, alpha = noise((30, 40)), noise((30, 40), ())
    alpha[:10] = 0
    alpha[20:] = 255
    result = Cutout()(image, alpha, 0.0)
    np.testing.assert_array_equal(result[..., 3], alpha)
    np.testing.assert_array_equal(result[20:, :, :3], image[20:])
    assert not result[alpha == 0].any()


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


def test_unchanged_is_the_frame() -> None:
    image = noise((5, 6))
    assert Unchanged()(image, np.zeros((5, 6), np.uint8), 0.0) is image


def test_overlay_tints_inside_and_draws_a_line_outside() -> None:
    image, alpha = person_and_room((200, 300))
    changed = (Overlay()(image, alpha, 0.0) != image).any(axis=2)
    assert changed[alpha == 255].all()
    ring = cv2.dilate(alpha, np.ones((3, 3), np.uint8)) > 127
    assert changed[ring].all()
    far = cv2.dilate(alpha, np.ones((15, 15), np.uint8)) == 0
    assert not changed[far].any()


def test_replace_by_a_colour() -> None:
    image, alpha = person_and_room((50, 60))
    result = parse_effect("replace=#0a14Fe", no_video)(image, alpha, 0.0)
    assert (result[alpha == 0] == (10, 20, 254)).all()


@pytest.mark.parametrize("size_hw", [(90, 160), (160, 90), (45, 45), (400, 300)])
def test_cover_fills_the_frame_and_keeps_proportions(size_hw: tuple[int, int]) -> None:
    photo = np.full((120, 200, 3), 50, np.uint8)
    cv2.circle(photo, (100, 60), 30, (255, 255, 255), -1)
    covering = cover(photo, size_hw)
    assert covering.shape == (*size_hw, 3)
    disc = covering[..., 0] > 150
    scale = max(size_hw[0] / 120, size_hw[1] / 200)
    for axis, side in enumerate(size_hw):
        extent = np.flatnonzero(disc.any(axis=1 - axis))
        assert len(extent) == pytest.approx(61 * scale, abs=3)
        assert extent.mean() == pytest.approx((side - 1) / 2, abs=1.5)


def test_replace_follows_a_changing_frame_size() -> None:
    effect = Replace(noise((40, 50)))
    for size_hw in ((20, 30), (30, 20), (20, 30), (40, 50)):
        image = noise(size_hw)
        result = effect(image, np.zeros(size_hw, np.uint8), 0.0)
        np.testing.assert_array_equal(result, cover(noise((40, 50)), size_hw))


def test_replace_scales_a_photo_once(monkeypatch: pytest.MonkeyPatch) -> None:
    resized = []
    resize = cv2.resize
    monkeypatch.setattr(cv2, "resize", lambda *a, **k: resized.append(a) or resize(*a, **k))
    effect = Replace(noise((40, 50)))
    for _ in range(3):
        effect(noise((20, 30)), np.full((20, 30), 255, np.uint8), 0.0)
    assert len(resized) == 1


def test_replace_asks_a_video_for_the_time_of_the_frame() -> None:
    asked = []

    def video(time_s: float, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
        asked.append((time_s, size_hw))
        return np.full((10, 10, 3), round(time_s), np.uint8)

    effect = Replace(video)
    for time_s in (3.0, 7.0):
        result = effect(noise((20, 30)), np.zeros((20, 30), np.uint8), time_s)
        assert (result == time_s).all()
    assert asked == [(3.0, (20, 30)), (7.0, (20, 30))]


def test_replace_rejects_a_background_that_is_no_image() -> None:
    for wrong in (np.zeros((4, 5), np.uint8), np.zeros((4, 5, 3)), np.zeros((4, 5, 4), np.uint8)):
        with pytest.raises(ValueError, match="image: expected uint8"):
            Replace(wrong)


def test_file_is_opened_by_the_caller() -> None:
    opened = []

    def open_background(path: Path) -> Background:
        opened.append(path)
        return lambda time_s, size_hw: np.full((*size_hw, 3), 9, np.uint8)

    effect = parse_effect("replace=clip=1.mkv", open_background)
    assert opened == [Path("clip=1.mkv")]
    assert (effect(noise((4, 5)), np.zeros((4, 5), np.uint8), 0.0) == 9).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blur=x", r"blur: strength must be a number in \(0, 1\], got 'x'"),
        ("blur=0", r"blur: strength must be a number in \(0, 1\], got '0'"),
        ("blur=", r"blur: strength must be a number in \(0, 1\], got ''"),
        ("blur=nan", r"blur: strength must be a number in \(0, 1\], got 'nan'"),
        ("grey=1", "grey: takes no value, got '1'"),
        ("none=", "none: takes no value, got ''"),
        ("replace", "replace: needs a colour or a file"),
        ("replace=", "replace: needs a colour or a file"),
        ("replace=#12345", "replace: a colour must look like #RRGGBB, got '#12345'"),
        ("replace=#12345g", "replace: a colour must look like #RRGGBB, got '#12345g'"),
        ("sepia", "'sepia' is no effect; choose one of blur, grey, "),
        ("", "'' is no effect; choose one of blur"),
    ],
)
def test_bad_effects_are_explained_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as error:
        parse_effect(text, no_video)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", sorted(set(EFFECTS) - {"replace"}))
def test_effect_is_built_from_its_name_alone(name: str) -> None:
    assert type(parse_effect(name, no_video)) is type(build(name))


def test_strength_is_taken_from_the_text() -> None:
    effect = parse_effect("blur=0.25", no_video)
    assert isinstance(effect, Blur)
    assert effect.strength == 0.25


def test_instances_are_drawn_inside_their_boxes_and_labels() -> None:
    image = np.full((360, 640, 3), 80, np.uint8)
    image.setflags(write=False)
    boxes = np.array([[100, 120, 200, 300], [400, 5, 700, 200]], np.float32)
    masks = np.zeros((2, 90, 160), np.uint8)
    masks[0, 40:60, 30:45] = 255
    colours = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)
    drawn = draw_instances(image, boxes, masks, ["person 0.98", "dog"], colours)
    assert (image == 80).all()
    assert drawn.shape == image.shape
    inside = drawn[200, 150].astype(int)
    assert inside[0] > 100 > inside[1]
    assert tuple(drawn[200, 100]) == (255, 0, 0)
    assert tuple(drawn[199, 500]) == (0, 0, 255)
    changed = (drawn != image).any(axis=2)
    assert not changed[310:].any()
    assert not changed[:, :90].any()
    label = drawn[100:120, 100:200]
    assert (label == (255, 0, 0)).all(axis=2).sum() > 400  # the plate
    assert (label == 255).all(axis=2).any()  # the letters on it


def test_first_instance_is_drawn_on_top() -> None:
    boxes = np.array([[20, 40, 80, 90], [20, 40, 80, 90]], np.float32)
    colours = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)
    masks = np.zeros((2, 10, 10), np.uint8)
    drawn = draw_instances(np.zeros((100, 120, 3), np.uint8), boxes, masks, ["", ""], colours)
    assert tuple(drawn[60, 20]) == (255, 0, 0)
    assert tuple(drawn[89, 50]) == (255, 0, 0)


def test_drawing_no_instances_changes_nothing() -> None:
    image = noise((30, 40))
    drawn = draw_instances(
        image,
        np.zeros((0, 4), np.float32),
        np.zeros((0, 8, 8), np.uint8),
        [],
        np.zeros((0, 3), np.uint8),
    )
    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image


def test_drawing_rejects_lists_of_different_lengths() -> None:
    with pytest.raises(ValueError, match="as many boxes, masks, texts and colours"):
        draw_instances(
            noise((8, 8)),
            np.zeros((1, 4), np.float32),
            np.zeros((1, 8, 8), np.uint8),
            [],
            np.zeros((1, 3), np.uint8),
        )


@pytest.mark.parametrize("size_hw", SIZES_HW)
def test_instances_are_drawn_on_any_size(size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    drawn = draw_instances(
        np.zeros((*size_hw, 3), np.uint8),
        np.array([[-5, -5, width + 5, height + 5]], np.float32),
        np.full((1, 3, 4), 255, np.uint8),
        ["a text longer than the frame is wide"],
        np.array([[200, 100, 50]], np.uint8),
    )
    assert drawn.shape == (*size_hw, 3)
    assert drawn.any()
