"""Backgrounds that are replaced: by a colour, a photo, a video."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from effects import Replace, parse_effect
from effects.placing import placed
from tests.inputs.pictures import no_video, noise, person_and_room


def test_replace_by_a_colour() -> None:
    image, alpha = person_and_room((50, 60))
    result = parse_effect("replace=#0a14Fe", no_video)(image, alpha, 0.0)
    assert (result[alpha == 0] == (10, 20, 254)).all()


@pytest.mark.parametrize("size_hw", [(90, 160), (160, 90), (45, 45), (400, 300)])
def test_cover_fills_the_frame_and_keeps_proportions(size_hw: tuple[int, int]) -> None:
    photo = np.full((120, 200, 3), 50, np.uint8)
    cv2.circle(photo, (100, 60), 30, (255, 255, 255), -1)
    covering = placed(photo, size_hw)
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
        np.testing.assert_array_equal(result, placed(noise((40, 50)), size_hw))


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
    with pytest.raises(ValueError, match=r"image: expected an array \(H, W, 3\), got str"):
        Replace("beach.jpg")  # type: ignore[arg-type]
