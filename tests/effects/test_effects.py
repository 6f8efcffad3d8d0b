"""What every effect promises, and what each one does."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from effects import (
    EFFECTS,
    Background,
    Blur,
    Cutout,
    Effect,
    Grey,
    Mask,
    Overlay,
    Unchanged,
    parse_effect,
)
from tests.contracts.subclasses import classes_with
from tests.inputs.pictures import SIZES_HW, no_video, noise, person_and_room

#: what follows `NAME=` where the effect needs it
VALUES = {"replace": "#10c020"}


def build(name: str) -> Effect:
    return EFFECTS[name](VALUES.get(name), no_video)


def test_every_effect_has_a_name() -> None:
    named = {type(build(name)).__name__ for name in EFFECTS}
    assert classes_with("effects", "__call__", "has_alpha") == named


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


@pytest.mark.parametrize("name", sorted(set(EFFECTS) - {"none"}))
def test_effect_gives_an_array_of_its_own_where_it_changes_something(name: str) -> None:
    image, alpha = noise((20, 30)), noise((20, 30), ())
    effect = build(name)
    first = effect(image, alpha, 0.0)
    assert not np.shares_memory(first, image)
    assert not np.shares_memory(first, alpha)
    kept = first.copy()
    effect(image[::-1].copy(), alpha, 1.0)
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
