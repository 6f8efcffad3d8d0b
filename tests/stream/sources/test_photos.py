"""Photos as a source."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from segmentation.picture import RgbPicture
from stream.errors import StreamError
from stream.files.photos import encode_photo
from stream.sources.photos import Photos

RGB = np.zeros((6, 8, 3), np.uint8)
RGB[:, :4] = (250, 120, 10)


def test_photos_are_independent_unless_a_rate_is_given(tmp_path):
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), RGB)
    paths = sorted(tmp_path.iterdir())
    with Photos(paths) as photos:
        frames = list(photos)
    assert photos.info.fps is None
    assert [frame.name for frame in frames] == ["0.png", "1.png", "2.png"]
    with Photos(paths, Fraction(30000, 1001)) as video:
        times = [frame.time_s for frame in video]
    assert times == pytest.approx([0, 1001 / 30000, 2002 / 30000])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_photos_of_a_video_are_fitted_into_the_first_one(tmp_path, dtype):
    upright = np.full((16, 4, 4), (40, 80, 120, 100), np.uint8).astype(dtype)
    upright *= np.iinfo(dtype).max // 255
    upright[:6] = 0  # clear, and black, which gets into no row below
    cv2.imwrite(str(tmp_path / "0.png"), RGB)
    cv2.imwrite(str(tmp_path / "1.png"), upright)
    cv2.imwrite(str(tmp_path / "2.png"), upright)
    cv2.imwrite(str(tmp_path / "3.png"), RGB)
    told: list[str] = []
    with Photos(sorted(tmp_path.iterdir()), Fraction(25), told.append) as video:
        frames = list(video)
    text = "is not 8x6 as the first photo, and is fitted into that, on black"
    assert told == [f"{tmp_path / '1.png'}: {text}", f"1 more photo: {text}"]
    assert [frame.take for frame in frames] == [0, 1, 1, 2]
    photo = frames[1].photo
    assert frames[1].picture.size_hw == photo.straight.shape[:2] == (6, 8)
    bar, inside = [(0, 0, 0, 255)] * 3, [(120, 80, 40, 100)] * 2
    assert (photo.straight[3] == bar + inside + bar).all()
    assert 0 < photo.straight[2, 3, 3] < 100
    np.testing.assert_allclose(photo.straight[2, 3, :3], (120, 80, 40), atol=2)
    assert (photo.deep is not None) == (dtype == np.uint16)


@pytest.mark.parametrize("bad", [[0], [2], [0, 1, 3]])
def test_independent_photos_that_cannot_be_read_are_left_out(tmp_path, bad):
    paths = [tmp_path / f"{index}.png" for index in range(4)]
    for index, path in enumerate(paths):
        path.write_bytes(
            b"torn" if index in bad else encode_photo(RgbPicture(RGB[: index + 1]), path)[0]
        )
    told = []
    with Photos(paths, on_message=told.append) as photos:
        frames = list(photos)
    good = [index for index in range(4) if index not in bad]
    assert [frame.index for frame in frames] == good
    assert [frame.name for frame in frames] == [f"{index}.png" for index in good]
    assert photos.info.height == good[0] + 1
    assert photos.num_left_out == len(told) == len(bad)
    for index, line in zip(bad, told, strict=True):
        assert line.startswith(f"error: {paths[index]}: not a picture")


def test_photos_of_which_none_can_be_read_are_an_error(tmp_path):
    paths = [tmp_path / "0.png", tmp_path / "1.png"]
    told = []
    with pytest.raises(StreamError, match=r"1\.png: cannot be read"):
        Photos(paths, on_message=told.append)
    assert [line.partition(":")[0] for line in told] == ["error"]
    with pytest.raises(StreamError, match=r"0\.png: cannot be read"):
        Photos(paths[:1], on_message=told.append)
    assert len(told) == 1


@pytest.mark.parametrize("bad", [0, 1])
def test_a_video_lacks_no_photo(tmp_path, bad):
    paths = [tmp_path / "0.png", tmp_path / "1.png", tmp_path / "2.png"]
    for index, path in enumerate(paths):
        path.write_bytes(b"torn" if index == bad else encode_photo(RgbPicture(RGB), path)[0])
    with pytest.raises(StreamError, match=rf"{bad}\.png: not a picture"):
        list(Photos(paths, Fraction(25)))
