"""Parts of pictures, of masks and of what was found, at the size of the whole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from segmentation.instances import Instances
from segmentation.picture import RgbPicture
from stream.colour.deep_picture import DeepCoding, DeepPicture
from stream.colour.screen import Colours
from stream.framing.crop import Crop
from stream.framing.cropped import cropped, cropped_instances, cropped_picture
from stream.yuv420 import YuvCoding, YuvPicture

CROP = Crop(0.25, 0.125, 0.5)


def spot(at_xy: tuple[float, float], size_hw: tuple[int, int] = (180, 320)) -> np.ndarray:
    y, x = np.mgrid[: size_hw[0], : size_hw[1]]
    squared = (x - at_xy[0]) ** 2 + (y - at_xy[1]) ** 2
    grey = np.rint(30 + 200 * np.exp(-squared / 200)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def centre_of(image: np.ndarray) -> np.ndarray:
    weights = np.clip(image[..., 0].astype(float) - 40, 0, None)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


def pictures(image: np.ndarray) -> list[RgbPicture | YuvPicture | DeepPicture]:
    deep = DeepCoding(YuvCoding("bt709"), Colours("bt709", "bt709"))
    return [
        RgbPicture(image),
        YuvPicture.of_rgb(image, YuvCoding("bt709")),
        DeepPicture.of_srgb(image, deep),
    ]


def test_it_is_in_its_place_and_moves_smoothly() -> None:
    for number, picture in enumerate(pictures(spot((160, 80)))):
        places = []
        for step in range(12):
            crop = Crop(0.25 + step * 0.0007, 0.125, 0.5)
            part = cropped_picture(picture, crop)
            assert type(part) is type(picture)
            assert part.size_hw == (180, 320)
            places.append(centre_of(part.rgb))
        # the middle of pixel 160 is 160.5
        assert places[0] == pytest.approx([160.5 / 0.5 - 160.5, 80.5 / 0.5 - 45.5], abs=0.3), number
        np.testing.assert_allclose(np.diff(places, axis=0)[:, 0], -0.0007 * 640, atol=0.12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_colour_of_what_is_clear_gets_into_nothing_beside_it(dtype: type[np.uint8]) -> None:
    most = np.iinfo(dtype).max
    image = np.full((180, 320, 4), most, dtype)
    image[:, 160:] = 0  # clear, and black
    part = cropped(image, CROP)
    assert part.dtype == dtype
    assert part[:, :150].min() == most
    assert not part[:, 170:, 3].any()
    seen = part[part[..., 3] > most // 4]
    assert seen[:, :3].min() > most * 0.98


def test_chroma_lies_where_luma_does() -> None:
    image = np.full((180, 320, 3), 60, np.uint8)
    cv2.circle(image, (170, 90), 30, (220, 60, 60), -1)
    whole, part = YuvPicture.of_rgb(image, YuvCoding("bt709")), None
    part = cropped_picture(whole, CROP).rgb
    expected = cropped(whole.rgb, CROP)
    assert np.abs(part.astype(int) - expected).mean() < 1.5


def test_what_was_found_lies_where_it_is_seen() -> None:
    mask = np.zeros((90, 160), np.uint8)
    mask[30:50, 60:90] = 255
    found = cropped_instances(Instances.of_mask(mask), CROP)
    np.testing.assert_allclose(found.boxes[0], [40, 37.5, 100, 77.5])
    rows, columns = np.nonzero(found.masks[0] >= 128)
    assert rows.min() == pytest.approx(37.5, abs=1)
    assert columns.max() == pytest.approx(100, abs=1.5)
    assert cropped_instances(found, Crop()) is found


def test_a_click_is_meant_where_it_is_seen() -> None:
    assert CROP.to_frame((0, 0), (180, 320)) == (80, 22)
    assert CROP.to_frame((319, 179), (180, 320)) == (239, 112)
    assert Crop().to_frame((319, 179), (180, 320)) == (319, 179)
