"""What is seen of an output elsewhere: small, and as in the window."""

from __future__ import annotations

import numpy as np
import pytest

from stream.foreground import Picked
from stream.frame import Output
from stream.live.view import View
from stream.yuv420 import YuvCoding, YuvPicture
from tests.stand_ins.fakes import discs, output_of

CLASSES = ("person", "dog", "cat")


@pytest.fixture
def wide() -> np.ndarray:
    """Red on the left, blue on the right."""
    image = np.zeros((400, 1000, 3), np.uint8)
    image[:, :500], image[:, 500:] = (200, 30, 30), (30, 30, 200)
    return image


@pytest.mark.parametrize("is_yuv", [False, True])
def test_it_is_no_larger_and_of_the_same_colours(wide: np.ndarray, is_yuv: bool) -> None:
    output = output_of(wide)
    if is_yuv:
        picture = YuvPicture.of_rgb(wide, YuvCoding("bt709"))
        output = Output(output.frame, picture, None, None)
    small = View().small_image(output, 250)
    assert small.shape == (100, 250, 3)
    assert np.abs(small[50, 20].astype(int) - (200, 30, 30)).max() < 6
    assert np.abs(small[50, 230].astype(int) - (30, 30, 200)).max() < 6
    assert View().small_image(output, 5_000).shape == wide.shape


def test_transparency_is_before_black(wide: np.ndarray) -> None:
    alpha = np.full((400, 1000, 1), 0, np.uint8)
    small = View().small_image(output_of(np.dstack([wide, alpha])), 250)
    assert small.shape == (100, 250, 3)
    assert not small.any()


def test_mask_and_mirror(wide: np.ndarray) -> None:
    alpha = np.zeros((400, 1000), np.uint8)
    alpha[:, :500] = 255
    output = output_of(wide, alpha=alpha)
    view = View(mask=True, is_mirrored=True)
    seen = view.of(output, view.small_image(output, 250), Picked(None), CLASSES)
    assert seen[50, 20].tolist() == [0, 0, 0]
    assert seen[50, 230].tolist() == [255, 255, 255]
    unknown = Output(output.frame, output.picture, None, None)
    assert not View(mask=True).small_image(unknown, 250).any()


def test_objects_are_drawn_where_they_are(wide: np.ndarray) -> None:
    found = discs((120, 160), 3, tracked=True)
    output = output_of(np.zeros((480, 640, 3), np.uint8), instances=found, found=found)
    view = View(objects=True)
    seen = view.of(output, view.small_image(output, 320), Picked(None), CLASSES)
    assert seen.shape == (240, 320, 3)
    rows, columns = np.nonzero((found.masks[2] >= 128) & (found.masks[:2] < 128).all(axis=0))
    assert seen[rows * 2, columns * 2].any(axis=1).mean() > 0.9
