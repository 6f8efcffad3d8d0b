"""Planar YUV to RGB and back, against ffmpeg's exact conversion."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.yuv420 import LUMA_WEIGHTS, Yuv420
from tests import ffmpeg_reference as reference

#: ffmpeg's `scale` filter's name of each matrix.
SCALE = {"bt470bg": "bt470", "bt2020nc": "bt2020", "unknown": "smpte170m"}
EXACT = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"


def photo(size_hw: tuple[int, int]) -> np.ndarray:
    """Smooth colours of every hue, with some noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
    image = cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_CUBIC).astype(float)
    return np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


def converted(data: np.ndarray, pixels: str, to: str, size_hw: tuple[int, int], scale: str):
    raw = reference.ffmpeg(
        *("-f", "rawvideo", "-pixel_format", pixels, "-video_size", f"{size_hw[1]}x{size_hw[0]}"),
        *("-i", "-", "-vf", f"scale={EXACT}:{scale},format={to}", "-f", "rawvideo", "-"),
        data=data.tobytes(),
    )
    return np.frombuffer(raw, np.uint8)


@pytest.mark.parametrize("matrix", LUMA_WEIGHTS)
@pytest.mark.parametrize("full_range", [False, True])
def test_both_ways_are_ffmpegs_own(matrix: str, full_range: bool) -> None:
    size_hw = (96, 128)
    name, values = SCALE.get(matrix, matrix), "pc" if full_range else "tv"
    yuv = Yuv420(size_hw, matrix, full_range)
    image = photo(size_hw)
    frame = np.empty(yuv.num_bytes, np.uint8)
    yuv.from_rgb(image, frame)
    coded = f"out_color_matrix={name}:out_range={values}"
    difference = frame.astype(int) - converted(image, "rgb24", "yuv420p", size_hw, coded)
    # ffmpeg's chroma of full range is half a step too dark
    assert np.abs(difference).mean() < (0.3 if full_range else 0.2)
    assert np.abs(difference).max() <= 6

    decoded = f"in_color_matrix={name}:in_range={values}"
    want = converted(frame, "yuv420p", "rgb24", size_hw, decoded).reshape(*size_hw, 3)
    difference = yuv.to_rgb(frame).astype(int) - want
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.2
    assert np.abs(difference).mean() < 0.8  # at steep noise; 0.2 in photos
    assert np.abs(difference).max() <= 6


def test_there_and_back_shifts_no_colour() -> None:
    yuv = Yuv420((96, 128), "bt709", False)
    image = photo((96, 128))
    frame = np.empty(yuv.num_bytes, np.uint8)
    yuv.from_rgb(image, frame)
    difference = yuv.to_rgb(frame).astype(int) - image
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.2


@pytest.mark.parametrize("size_hw", [(49, 65), (48, 65), (49, 64), (1, 1)])
def test_odd_sides_have_half_a_chroma_pixel_more(size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    yuv = Yuv420(size_hw, "smpte170m", False)
    num_chroma = (height + 1) // 2 * ((width + 1) // 2)
    assert yuv.num_bytes == height * width + 2 * num_chroma
    values = np.repeat(np.array([110, 200, 60], np.uint8), [height * width, num_chroma, num_chroma])
    image = yuv.to_rgb(values)
    assert image.shape == (height, width, 3)
    assert (image == image[0, 0]).all()
    assert np.abs(image[0, 0].astype(int) - (1, 136, 255)).max() <= 1


def test_a_decoded_clip_is_what_ffmpeg_makes_of_it(shared_data: Path) -> None:
    from stream.video_source import VideoSource

    for name in ("talk_woman_720p_audio.mp4", "webcam_asl_book.mkv", "two_kids_bedroom_540p.mp4"):
        path = shared_data / "clips" / name
        with VideoSource(str(path)) as source:
            image = next(iter(source)).image
        (want,) = reference.rgb(path, image.shape[:2], 1)
        difference = image.astype(int) - want
        assert np.abs(difference.mean(axis=(0, 1))).max() < 0.2
        assert np.abs(difference).mean() < 0.4
