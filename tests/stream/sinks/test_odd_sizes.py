"""Videos with odd sides: what the codec cannot hold is cut off, and said."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from segmentation.picture import Picture, RgbPicture
from stream.frame import Colour, Frame, Output, OutputInfo, StreamInfo, even_hw, fitted
from stream.sinks.parts.options import SinkOptions
from stream.sinks.video import VideoSink
from stream.yuv420 import YuvCoding, YuvPicture
from tests import ffmpeg_reference as reference

pytestmark = pytest.mark.usefixtures("no_file_left_over")


def write(path: Path, picture: Picture, *, has_alpha: bool = False) -> list[str]:
    """Write a video of one picture; returns what is told."""
    height, width = picture.size_hw
    colour = Colour(matrix="bt709") if isinstance(picture, YuvPicture) else Colour()
    info = StreamInfo(width, height, Fraction(25), colour=colour)
    told: list[str] = []
    options = SinkOptions(crf=1, on_message=told.append)
    with VideoSink(path, OutputInfo(info, has_alpha), options) as sink:
        for index in range(3):
            sink.write(Output(Frame(picture, index, index / 25), picture, None, None))
        sink.finish(cut_short=False)
    return told


def gradient(size_hw: tuple[int, int]) -> np.ndarray:
    """An image whose every column and row differs from its neighbours."""
    height, width = size_hw
    image = np.full((height, width, 3), 90, np.uint8)
    image[..., 0] = np.linspace(40, 200, width)
    image[..., 1] = np.linspace(60, 220, height)[:, None]
    return image


@pytest.mark.parametrize("ending", [".mp4", ".m4v", ".mov", ".mkv"])
@pytest.mark.parametrize("size_hw", [(49, 65), (49, 64), (48, 65)])
def test_h264_loses_the_last_pixel_of_an_odd_side(
    tmp_path: Path, ending: str, size_hw: tuple[int, int]
) -> None:
    path, image = tmp_path / f"odd{ending}", gradient(size_hw)
    told = write(path, RgbPicture(image))
    height, width = size_hw
    assert told == [f"{path}: is 64x48, not {width}x{height}, because H.264 has even sides only"]
    assert "yuv420p(tv, bt709" in reference.description(path)
    found = reference.rgb(path, (48, 64), 3)[2]
    assert np.abs(found.astype(int) - image[:48, :64]).max() < 8


def test_what_stays_is_written_to_the_bit_as_it_was_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    luma = rng.integers(16, 236, (49, 65), np.uint8)
    blue, red = rng.integers(16, 241, (2, 25, 33), np.uint8)
    path = tmp_path / "odd.mkv"
    info = StreamInfo(65, 49, Fraction(25), colour=Colour(matrix="bt709"))
    picture = YuvPicture(luma, blue, red, YuvCoding("bt709"))
    with VideoSink(path, OutputInfo(info), SinkOptions(crf=0)) as sink:
        sink.write(Output(Frame(picture, 0, 0.0), picture, None, None))
        sink.finish(cut_short=False)
    raw = np.frombuffer(reference.ffmpeg("-i", path, "-f", "rawvideo", "-"), np.uint8)
    np.testing.assert_array_equal(raw[: 48 * 64].reshape(48, 64), luma[:48, :64])
    np.testing.assert_array_equal(raw[48 * 64 :].reshape(2, 24, 32)[0], blue[:24, :32])
    np.testing.assert_array_equal(raw[48 * 64 :].reshape(2, 24, 32)[1], red[:24, :32])


@pytest.mark.parametrize("size_hw", [(1, 65), (49, 1), (1, 1)])
def test_a_side_of_one_pixel_is_drawn_on(tmp_path: Path, size_hw: tuple[int, int]) -> None:
    path, image = tmp_path / "thin.mp4", gradient(size_hw)
    assert len(write(path, RgbPicture(image))) == 1
    height, width = even_hw(size_hw)
    found = reference.rgb(path, (height, width), 3)[0]
    assert np.abs(found.astype(int) - fitted(image, (height, width))).max() < 12


def test_vp9_and_transparency_keep_odd_sides(tmp_path: Path) -> None:
    image = gradient((49, 65))
    assert write(tmp_path / "odd.webm", RgbPicture(image)) == []
    clear = RgbPicture(np.dstack([image, image[..., 0]]))
    for ending in (".webm", ".mov"):
        assert write(tmp_path / f"clear{ending}", clear, has_alpha=True) == []
    for path in tmp_path.iterdir():
        assert ", 65x49" in reference.description(path)
