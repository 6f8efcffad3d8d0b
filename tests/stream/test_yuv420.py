"""Planar YUV to RGB and back, against ffmpeg's exact conversion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.picture import RgbPicture
from stream.yuv420 import LUMA_WEIGHTS, YuvCoding, YuvPicture, num_bytes
from tests import ffmpeg_reference as reference

#: ffmpeg's `scale` filter's name of each matrix.
SCALE = {"bt470bg": "bt470", "bt2020nc": "bt2020", "unknown": "smpte170m"}
BT709 = YuvCoding("bt709")
EXACT = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"


def photo(size_hw: tuple[int, int]) -> np.ndarray:
    """Smooth colours of every hue, with some noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
    image = cv2.resize(coarse, size_hw[::-1], interpolation=cv2.INTER_CUBIC).astype(float)
    return np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


def as_bytes(picture: YuvPicture) -> np.ndarray:
    return np.concatenate([plane.reshape(-1) for plane in picture.planes])


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
    image = photo(size_hw)
    picture = YuvPicture.of_rgb(image, YuvCoding(matrix, full_range))
    frame = as_bytes(picture)
    coded = f"out_color_matrix={name}:out_range={values}"
    difference = frame.astype(int) - converted(image, "rgb24", "yuv420p", size_hw, coded)
    # ffmpeg's chroma of full range is half a step too dark
    assert np.abs(difference).mean() < (0.3 if full_range else 0.2)
    assert np.abs(difference).max() <= 6

    decoded = f"in_color_matrix={name}:in_range={values}"
    want = converted(frame, "yuv420p", "rgb24", size_hw, decoded).reshape(*size_hw, 3)
    difference = picture.rgb.astype(int) - want
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.2
    assert np.abs(difference).mean() < 0.8  # at steep noise; 0.2 in photos
    assert np.abs(difference).max() <= 6


def test_there_and_back_shifts_no_colour() -> None:
    image = photo((96, 128))
    difference = YuvPicture.of_rgb(image, BT709).rgb.astype(int) - image
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.2


@pytest.mark.parametrize("size_hw", [(49, 65), (48, 65), (49, 64), (1, 1)])
def test_odd_sides_have_half_a_chroma_pixel_more(size_hw: tuple[int, int]) -> None:
    height, width = size_hw
    num_chroma = (height + 1) // 2 * ((width + 1) // 2)
    assert num_bytes(size_hw) == height * width + 2 * num_chroma
    values = np.repeat(np.array([110, 200, 60], np.uint8), [height * width, num_chroma, num_chroma])
    image = YuvPicture.of_bytes(values, size_hw, YuvCoding("smpte170m")).rgb
    assert image.shape == (height, width, 3)
    assert (image == image[0, 0]).all()
    assert np.abs(image[0, 0].astype(int) - (1, 136, 255)).max() <= 1


@pytest.mark.parametrize("size_hw", [(96, 128), (95, 127)])
def test_shrunk_planes_are_the_shrunk_picture(size_hw: tuple[int, int]) -> None:
    picture = YuvPicture.of_rgb(photo((96, 128)), BT709)
    height, width = size_hw
    planes = picture.planes[0][:height, :width], *picture.planes[1:]
    picture = YuvPicture(*planes, BT709)
    reference = RgbPicture(picture.rgb)
    for times in range(4):
        small = picture.halved(times)
        assert small.shape == reference.halved(times).shape
        difference = np.abs(small.astype(int) - reference.halved(times))
        assert difference.mean() < (1.0 if size_hw == (96, 128) else 4.0)


def in_rgb(picture: YuvPicture, channels: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    luma, *chroma = channels
    cell = math.isqrt(luma.shape[1])
    for i, channel in enumerate(chroma):
        side = math.isqrt(channel.shape[1])
        squares = channel.reshape(-1, side, side).repeat(cell // side, 1).repeat(cell // side, 2)
        chroma[i] = squares.reshape(luma.shape)
    matrix = picture.to_rgb
    return np.stack([luma, *chroma], axis=2) @ matrix[:, :3].T + matrix[:, 3]


@pytest.mark.parametrize("cell", [1, 2, 8, 16])
def test_cells_have_the_colours_of_the_picture(cell: int) -> None:
    picture = YuvPicture.of_rgb(photo((96, 128)), BT709)
    y, x = np.array([0, 3, 5]), np.array([7, 2, 5])
    cells = in_rgb(picture, picture.cells(y, x, cell))
    assert cells.shape == (3, cell * cell, 3)
    for square, row, column in zip(cells, y * cell, x * cell, strict=True):
        want = picture.rgb[row : row + cell, column : column + cell].reshape(-1, 3)
        # chroma is not interpolated there
        assert np.abs(square.astype(int) - want).mean() < 5
        assert np.abs((square.astype(int) - want).mean(axis=0)).max() < 8


def test_other_planes_have_the_same_coding() -> None:
    picture = YuvPicture.of_rgb(photo((96, 128)), YuvCoding("fcc", True))
    replaced = picture.replaced([plane[::-1] for plane in picture.planes])
    assert replaced.coding == picture.coding
    assert np.abs(replaced.rgb[::-1].astype(int) - picture.rgb).max() <= 1


@pytest.mark.parametrize(
    ("matrix", "full_range"), [("bt709", False), ("smpte170m", True), ("bt470bg", False)]
)
def test_a_decoded_clip_is_what_ffmpeg_makes_of_it(
    demo_clip: Path, tmp_path: Path, matrix: str, full_range: bool
) -> None:
    from stream.sources.video import VideoSource

    path, values = tmp_path / "clip.mkv", "pc" if full_range else "tv"
    coded = f"scale=out_color_matrix={SCALE.get(matrix, matrix)}:out_range={values}"
    tagged = f"format=yuv420p,setparams=colorspace={matrix}:range={values}"
    reference.ffmpeg("-i", demo_clip, "-vf", f"{coded},{tagged}", "-frames:v", "1", "-an", path)
    with VideoSource(str(path)) as source:
        image = next(iter(source)).image
    assert source.info.colour.matrix == matrix
    assert source.info.colour.full_range == full_range
    (want,) = reference.rgb(path, image.shape[:2], 1)
    difference = image.astype(int) - want
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.2
    assert np.abs(difference).mean() < 0.4
