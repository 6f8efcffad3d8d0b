"""A picture in front of everything."""

from __future__ import annotations

import numpy as np
import pytest

from effects.over.front import Front
from effects.placing import parse_placing
from stream.colour.deep_picture import DeepCoding, DeepPicture
from stream.colour.screen import Colours
from stream.yuv420 import YuvCoding, YuvPicture
from tests.inputs.pictures import noise

CODING = YuvCoding("bt709")
RED = (230, 20, 30)


def logo(size_hw: tuple[int, int] = (20, 40)) -> np.ndarray:
    """Red, its right half clear (and black there, as image programs write it)."""
    picture = np.zeros((*size_hw, 4), np.uint8)
    picture[:, : size_hw[1] // 2] = (*RED, 255)
    return picture


@pytest.mark.parametrize(
    ("words", "corner"),
    [
        ([], (80, 140)),
        (["top", "right"], (0, 280)),
        (["bottom", "left"], (160, 0)),
        (["bottom"], (160, 140)),
    ],
)
def test_it_lies_where_it_is_told(words: list[str], corner: tuple[int, int]) -> None:
    image = noise((180, 320))
    shown = Front(logo(), parse_placing(words))(image)
    top, left = corner
    assert (shown[top : top + 20, left : left + 20] == RED).all()
    changed = np.argwhere((shown != image).any(axis=2))
    assert (changed.min(axis=0) >= (top, left)).all()
    assert (changed.max(axis=0) < (top + 20, left + 20)).all()


@pytest.mark.parametrize("size_hw", [(181, 321), (180, 321), (181, 320), (3, 5)])
@pytest.mark.parametrize("num_channels", [3, 4])
def test_in_the_corner_of_a_photo_with_odd_sides(
    size_hw: tuple[int, int], num_channels: int
) -> None:
    image = np.zeros((*size_hw, num_channels), np.uint8)
    shown = Front(np.full((20, 40, 4), (*RED, 255), np.uint8), parse_placing(["bottom", "right"]))(
        image
    )
    assert shown.shape == image.shape
    assert shown[-1, -1, :3].tolist() == [*RED]
    assert (shown[: -min(20, size_hw[0]), :] == 0).all()


@pytest.mark.parametrize(("scale", "height"), [(None, 90), ("contain", 90), ("cover", 160)])
def test_one_that_is_larger_than_the_frame(scale: str | None, height: int) -> None:
    picture = np.full((360, 640, 4), (*RED, 255), np.uint8)
    front = Front(picture, parse_placing([] if scale is None else [scale]))
    shown = front(np.zeros((160, 160, 3), np.uint8))
    assert (shown[..., 0] == 230).all(axis=1).sum() == height


def test_half_clear_is_half_seen() -> None:
    picture = np.full((20, 40, 4), (200, 100, 50, 128), np.uint8)
    shown = Front(picture)(np.full((20, 40, 3), 100, np.uint8))
    np.testing.assert_allclose(shown[10, 10], (150, 100, 75), atol=2)


def test_over_what_is_transparent() -> None:
    behind = np.zeros((20, 40, 4), np.uint8)
    behind[:, 30:] = (10, 200, 10, 255)
    shown = Front(logo())(behind)
    assert shown[5, 5].tolist() == [*RED, 255]
    assert shown[5, 25].tolist() == [0, 0, 0, 0]
    assert shown[5, 35].tolist() == [10, 200, 10, 255]


def test_planes_get_the_same_and_stay_to_the_bit_elsewhere() -> None:
    picture = YuvPicture.of_rgb(np.full((90, 160, 3), (40, 90, 60), np.uint8), CODING)
    front = Front(logo((21, 43)), parse_placing(["top", "right"]))
    planes = front.on_planes(
        picture.planes, lambda image: YuvPicture.of_rgb(image, CODING).planes, CODING
    )
    shown = picture.replaced(planes).rgb.astype(int)
    assert np.abs(shown[4:16, 122:134] - RED).max() <= 3
    expected = front(picture.rgb).astype(int)
    assert np.abs(shown - expected)[:, :114].max() == 0
    assert np.abs(shown - expected)[26:].max() == 0
    assert np.abs(shown - expected)[2:18, 142:].max() <= 1, "no colour of what is clear"


@pytest.mark.parametrize("transfer", ["bt709", "smpte2084"])
def test_ten_bits(transfer: str) -> None:
    coding = DeepCoding(YuvCoding("bt2020nc"), Colours("bt2020", transfer))
    picture = DeepPicture.of_srgb(np.full((90, 160, 3), (40, 90, 60), np.uint8), coding)
    planes = Front(logo(), parse_placing(["left"])).on_planes(
        picture.planes, lambda image: DeepPicture.of_srgb(image, coding).planes, coding
    )
    shown = picture.replaced(planes).rgb.astype(int)
    assert np.abs(shown[40:50, 4:16] - RED).max() <= 8


def test_one_that_changes_is_laid_anew() -> None:
    pictures = [logo(), np.full((20, 40, 4), 255, np.uint8)]
    for picture in pictures:
        picture.flags.writeable = False
    shown = pictures[0]
    front = Front(lambda: shown)
    black = np.zeros((20, 40, 3), np.uint8)
    assert front(black)[5, 35].tolist() == [0, 0, 0]
    shown = pictures[1]
    assert front(black)[5, 35].tolist() == [255, 255, 255]


def test_only_pictures_with_alpha() -> None:
    for wrong in (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5, 4)), np.zeros((4, 5), np.uint8)):
        with pytest.raises(ValueError, match="uint8"):
            Front(wrong)  # type: ignore[arg-type]
