"""What the network says of a small image, brought to the frame."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.rvm.enlarging import SmallMatte


def small(is_whole: bool) -> SmallMatte:
    rng = np.random.default_rng(2)
    maps = [rng.normal(0, 1, (9, 12, 4)).astype(np.float32) for _ in range(3)]
    return SmallMatte(maps[0], maps[1], maps[2], is_whole)


def planes_of(maps: SmallMatte, frame: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    return [maps.plane(frame, index) for index in range(4)]


@pytest.mark.parametrize("is_whole", [False, True])
def test_what_is_less_than_nothing_or_more_than_all_is_cut_off(is_whole: bool) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8)
    matte, planes = small(is_whole).of(frame), planes_of(small(is_whole), frame)
    assert matte.foreground is not None
    for found, plane in zip(
        [*np.moveaxis(matte.foreground, 2, 0), matte.alpha], planes, strict=True
    ):
        assert plane.min() < -0.1
        assert plane.max() > 1.1
        np.testing.assert_allclose(found, np.rint(255 * np.clip(plane, 0, 1)), atol=1)
        assert (found[plane < 0] == 0).all()
        assert (found[plane > 1] == 255).all()


def test_of_a_small_image_that_is_the_frame_nothing_is_filtered() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (9, 12, 3), np.uint8)
    maps = small(is_whole=True)
    *colours, alpha = planes_of(maps, frame)
    np.testing.assert_array_equal(alpha, maps.matte[..., 3])
    np.testing.assert_allclose(np.dstack(colours), maps.matte[..., :3] + frame / 255, atol=1e-6)


def test_a_slope_follows_the_colours_of_the_frame() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (27, 36, 3), np.uint8)
    slope = np.zeros((9, 12, 4), np.float32)
    slope[..., 3] = 0.5
    offset = np.full((9, 12, 4), 0.25, np.float32)
    *colours, alpha = planes_of(SmallMatte(slope, slope, offset, is_whole=False), frame)
    np.testing.assert_allclose(alpha, 0.25 + 0.5 * frame.mean(axis=2) / 255, atol=1e-6)
    np.testing.assert_allclose(np.dstack(colours), 0.25 + frame / 255, atol=1e-6)
