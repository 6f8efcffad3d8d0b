"""Planes with 10 bits to RGB and back, shrunk and dithered, against ffmpeg."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stream.colour.deep_picture import DeepCoding, DeepPicture, num_deep_bytes
from stream.colour.screen import Colours
from stream.yuv420 import YuvCoding, YuvPicture
from tests import ffmpeg_reference as reference

HDR = DeepCoding(YuvCoding("bt2020nc"), Colours("bt2020", "smpte2084"))


def picture(size_hw: tuple[int, int] = (96, 128), coding: DeepCoding = HDR) -> DeepPicture:
    """Smooth colours."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(250, 700, (6, 8, 3)).astype(np.uint16)
    image = np.clip(cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_CUBIC), 0, 1023)
    return DeepPicture.of_deep_rgb(image.astype(np.uint16), coding)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", ["bt2020nc", "bt709"])
def test_rgb_is_zscales(matrix: str, full_range: bool) -> None:
    coding = DeepCoding(YuvCoding(matrix, full_range), Colours())
    shown = picture(coding=coding)
    name, values = matrix.removesuffix("nc"), "full" if full_range else "limited"
    name = {"bt709": "709", "bt2020": "2020_ncl"}[name]
    raw = reference.ffmpeg(
        *("-f", "rawvideo", "-pixel_format", "yuv420p10le", "-video_size", "128x96", "-i", "-"),
        *("-vf", f"zscale=min={name}:rin={values}:cin=center:m=gbr:r=full,format=gbrp10le"),
        *("-f", "rawvideo", "-"),
        data=b"".join(plane.tobytes() for plane in shown.planes),
    )
    green, blue, red = np.frombuffer(raw, "<u2").reshape(3, 96, 128).astype(int)
    difference = np.abs(shown.deep_rgb - np.stack([red, green, blue], axis=-1))
    assert difference.mean() < 1
    assert np.percentile(difference, 99) <= 8


def test_there_and_back_values_stay() -> None:
    first = picture()
    again = DeepPicture(first.planes_of(first.deep_rgb), first.coding)
    assert np.abs(again.planes[0].astype(int) - first.planes[0]).max() <= 2


@pytest.mark.parametrize("size_hw", [(95, 127), (96, 127), (95, 128)])
def test_odd_sides(size_hw: tuple[int, int]) -> None:
    odd = picture(size_hw)
    assert odd.planes[1].shape == ((size_hw[0] + 1) // 2, (size_hw[1] + 1) // 2)
    assert odd.rgb.shape == (*size_hw, 3)
    data = np.concatenate([plane.reshape(-1) for plane in odd.planes]).view(np.uint8)
    assert len(data) == num_deep_bytes(size_hw)
    again = DeepPicture.of_bytes(data, size_hw, odd.coding)
    assert all(np.array_equal(*both) for both in zip(again.planes, odd.planes, strict=True))
    assert odd.dithered().rgb.shape == (*size_hw, 3)


def test_what_a_screen_shows_is_shrunk_as_it_is_shown() -> None:
    shown = picture()
    for small in (shown.halved(1), shown.shrunk((48, 64))):
        wanted = cv2.resize(shown.rgb, (64, 48), interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - wanted).mean() < 2


def test_dithered_the_two_bits_stay_on_average() -> None:
    coding = DeepCoding(YuvCoding("bt709"), Colours())
    for value in (64, 401, 402, 403, 939, 1023):
        planes = [np.full(hw, value, np.uint16) for hw in ((8, 8), (4, 4), (4, 4))]
        eight = DeepPicture(planes, coding).dithered()
        assert isinstance(eight, YuvPicture)
        assert eight.coding == coding.yuv
        wanted = min(value / 4, 255)
        assert all(plane.mean() == pytest.approx(wanted, abs=0.01) for plane in eight.planes)


def test_the_high_bits_are_the_values_themselves() -> None:
    shown = picture()
    eight = shown.high_bits
    assert np.abs(eight.planes[0].astype(int) * 4 - shown.planes[0]).max() <= 2
