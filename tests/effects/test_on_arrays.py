"""An effect on one picture, from plain arrays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image as Pictures

import effects
from effects import EFFECTS

IMAGE = np.random.default_rng(3).integers(0, 256, (48, 64, 3), np.uint8)
MASK = np.zeros((48, 64), bool)
MASK[10:40, 20:50] = True
ALPHA = MASK * np.uint8(255)
TEXTS = {name: name for name in EFFECTS} | {"blur": "blur=0.6", "replace": "replace=#102030"}


@pytest.mark.parametrize("text", TEXTS.values())
def test_masks_of_every_kind_mean_the_same(text):
    effect = effects.parse_effect(text, lambda path: IMAGE)
    before = IMAGE.copy()
    wanted = effect(IMAGE, ALPHA, 0.0)
    for mask in (MASK, ALPHA, MASK.astype(np.float32), MASK.astype(np.float64)):
        shown = effects.apply(text, IMAGE, mask)
        np.testing.assert_array_equal(shown, wanted)
        assert shown.dtype == np.uint8
        shown[:] = 7
    np.testing.assert_array_equal(IMAGE, before, "an array of its own")
    np.testing.assert_array_equal(effects.apply(effect, IMAGE, MASK), wanted)


def test_soft_edges_of_floats_are_kept():
    mask = np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64)
    cut = effects.apply("cutout", IMAGE, mask)
    np.testing.assert_array_equal(cut[..., 3], np.rint(mask * 255))


def test_the_time_reaches_the_effect():
    seen = []
    effects.apply(lambda image, alpha, time_s: seen.append(time_s) or image, IMAGE, MASK, time_s=4)
    assert seen == [4]


def test_a_photo_is_the_background(tmp_path):
    path = tmp_path / "blue sky.png"
    cv2.imwrite(str(path), np.full((30, 30, 3), (250, 150, 70), np.uint8))  # BGR
    shown = effects.apply(f"replace={path}", IMAGE, MASK)
    assert shown[0, 0].tolist() == [70, 150, 250]
    np.testing.assert_array_equal(shown[15:35, 25:45], IMAGE[15:35, 25:45])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_background_is_on_white_where_it_is_clear(tmp_path, dtype):
    path, most = tmp_path / "clear.png", np.iinfo(dtype).max
    photo = np.full((48, 64, 4), most, dtype)
    photo[..., :3] = 0  # black
    photo[:, 32:, 3] = most // 5
    cv2.imwrite(str(path), photo)
    shown = effects.apply(f"replace={path}", IMAGE, MASK)
    assert shown[0, 0].tolist() == [0, 0, 0]
    assert shown[0, 63].tolist() == [204, 204, 204]


@pytest.mark.parametrize(
    ("orientation", "clear"),
    [(1, (0, 63)), (3, (47, 0)), (6, (47, 63)), (b"no tags at all", (0, 63))],
)
def test_what_is_clear_is_turned_with_the_background(tmp_path, orientation, clear):
    path, tags = tmp_path / "clear.png", Pictures.Exif()
    size_hw = (64, 48) if orientation == 6 else (48, 64)
    photo = np.full((*size_hw, 4), (0, 0, 0, 255), np.uint8)
    photo[:24, 24:, 3] = 0  # the upper right corner of what lies in the file
    tags[0x0112] = orientation
    exif = orientation if isinstance(orientation, bytes) else tags
    Pictures.fromarray(photo).save(path, exif=exif)
    shown = effects.apply(f"replace={path}", IMAGE, MASK)
    corners = {corner: shown[corner].tolist() for corner in ((0, 0), (0, 63), (47, 0), (47, 63))}
    assert [corner for corner, colour in corners.items() if colour == [255] * 3] == [clear]


@pytest.mark.parametrize(
    ("text", "mask", "words"),
    [
        ("blurr", MASK, "'blurr' is no effect; choose one of blur, grey"),
        ("blur=2", MASK, "blur: strength must be a number in"),
        ("replace", MASK, "replace: needs a colour or a file"),
        ("replace=missing.jpg", MASK, "replace: missing.jpg: cannot be read"),
        ("replace=film.mp4", MASK, "replace: film.mp4: not a photo that can be read"),
        ("replace=empty.jpg", MASK, "replace: empty.jpg: not a photo that can be read"),
        (5, MASK, r"effect: expected NAME\[=VALUE\] or an effect, got 5"),
        (effects.Grey, MASK, r"effect: expected NAME\[=VALUE\] or an effect, got <class"),
        ("blur", MASK[:10], r"mask: expected \(48, 64\), got \(10, 64\)"),
        ("blur", MASK[..., None], r"mask: expected \(48, 64\), got \(48, 64, 1\)"),
        ("blur", MASK.tolist(), r"mask: expected an array \(H, W\), got list"),
        ("blur", None, r"mask: expected an array \(H, W\), got NoneType"),
        ("blur", MASK * 1, "mask: expected bool, float in .* or uint8, got int64"),
        ("blur", MASK * 1.5, "mask: expected 0 to 1, got 0.0 to 1.5"),
        ("blur", np.full((48, 64), np.nan), "mask: expected 0 to 1, got nan"),
    ],
)
def test_wrong_calls_are_one_line(tmp_path, monkeypatch, text, mask, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.mp4").write_bytes(b"this is no photo")
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(ValueError, match=words) as caught:
        effects.apply(text, IMAGE, mask)
    assert "\n" not in str(caught.value)


def test_an_effect_that_returns_no_picture_is_told():
    with pytest.raises(ValueError, match="the effect returned no array but NoneType"):
        effects.apply(lambda image, alpha, time_s: None, IMAGE, MASK)
    with pytest.raises(ValueError, match=r"the effect returned uint8 \(48, 64\), not uint8"):
        effects.apply(lambda image, alpha, time_s: alpha, IMAGE, MASK)


@pytest.mark.parametrize("image", [IMAGE / 255, IMAGE[..., 0], IMAGE.tolist(), None])
def test_what_is_no_image_is_told_as_such(image):
    with pytest.raises(ValueError, match="image: expected"):
        effects.apply(lambda image, alpha, time_s: image, image, MASK)
