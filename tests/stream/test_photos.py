"""Photos in and out."""

from __future__ import annotations

import os
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.errors import StreamError
from stream.frame import Output
from stream.photo_files import encode_photo, read_photo
from stream.sinks.photos import PhotoFile, PhotoFolder
from stream.sources.photos import Photos
from tests.fakes import output_of

RGB = np.zeros((6, 8, 3), np.uint8)
RGB[:, :4] = (250, 120, 10)


def write_jpeg(path: Path, orientation: int) -> None:
    """Write a photo, left half orange, whose EXIF says how to turn it."""
    data = cv2.imencode(".jpg", np.repeat(np.repeat(RGB, 8, 0), 8, 1)[..., ::-1])[1].tobytes()
    tag = b"\x01\x12\x00\x03\x00\x00\x00\x01" + orientation.to_bytes(2, "big") + b"\x00\x00"
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01" + tag + b"\x00\x00\x00\x00"
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    path.write_bytes(data[:2] + segment + data[2:])


def output(image: np.ndarray, index: int = 0, name: str | None = None) -> Output:
    return output_of(image, index, 0.0, name)


def test_photo_is_turned_once_as_its_tag_says(tmp_path):
    write_jpeg(tmp_path / "up.jpg", 1)
    write_jpeg(tmp_path / "turned.jpg", 6)
    up, turned = read_photo(tmp_path / "up.jpg"), read_photo(tmp_path / "turned.jpg")
    assert up.shape == (48, 64, 3)
    assert turned.shape == (64, 48, 3)
    assert np.abs(np.rot90(up, -1).astype(int) - turned).max() < 8
    assert up[24, 8, 0] > 200 > 60 > up[24, 8, 2], "RGB, not BGR"


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("damage", ["", "of grey", "cut off"])
def test_colours_keep_their_profile(tmp_path, ending, damage):
    if not hasattr(cv2, "imdecodeWithMetadata"):
        pytest.skip("this OpenCV passes over profiles")
    image = pytest.importorskip("PIL.Image")
    cms = pytest.importorskip("PIL.ImageCms")
    profile = cms.ImageCmsProfile(cms.createProfile("sRGB")).tobytes()
    if damage:
        grey = profile[:16] + b"GRAY" + profile[20:]
        profile = grey if damage == "of grey" else profile[:300]
    image.fromarray(RGB).save(tmp_path / "in.jpg", icc_profile=profile)
    out = tmp_path / f"out{ending}"
    with PhotoFile(out, overwrite=False) as sink:
        for frame in Photos([tmp_path / "in.jpg"]):
            sink.write(Output(frame, frame.picture, None, None))
        sink.finish(cut_short=False)
    assert np.abs(read_photo(out).astype(int) - frame.image).mean() < 8
    with image.open(out) as written:
        kept = written.info.get("icc_profile")
    if not damage:
        assert kept == profile
    elif damage == "of grey":
        assert kept is None, "the pixels are RGB now"


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


def test_photos_of_a_video_have_one_size(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), RGB)
    cv2.imwrite(str(tmp_path / "1.png"), RGB[:4])
    with (
        Photos(sorted(tmp_path.iterdir()), Fraction(25)) as video,
        pytest.raises(StreamError, match=r"1\.png: 8x4"),
    ):
        list(video)


@pytest.mark.parametrize("bad", [[0], [2], [0, 1, 3]])
def test_independent_photos_that_cannot_be_read_are_left_out(tmp_path, bad):
    paths = [tmp_path / f"{index}.png" for index in range(4)]
    for index, path in enumerate(paths):
        path.write_bytes(b"torn" if index in bad else encode_photo(RGB[: index + 1], path))
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
        path.write_bytes(b"torn" if index == bad else encode_photo(RGB, path))
    with pytest.raises(StreamError, match=rf"{bad}\.png: not a picture"):
        list(Photos(paths, Fraction(25)))


def png_header(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + head + struct.pack(">I", zlib.crc32(head))


@pytest.mark.parametrize("content", [b"", b"not a picture", png_header(60_000, 60_000)])
def test_what_is_no_photo_is_named(tmp_path, content):
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(StreamError, match=r"x\.jpg: not a picture"):
        read_photo(tmp_path / "x.jpg")
    with pytest.raises(StreamError, match=r"missing\.jpg: cannot be read"):
        read_photo(tmp_path / "missing.jpg")


def test_photo_appears_only_when_finished(tmp_path):
    path = tmp_path / "out.png"
    with PhotoFile(path, overwrite=False) as sink:
        sink.write(output(RGB))
        assert list(tmp_path.iterdir()) == []
        sink.finish(cut_short=False)
    assert (read_photo(path) == RGB).all()
    with PhotoFile(tmp_path / "left.png", overwrite=False) as sink:
        sink.write(output(RGB))
    assert not (tmp_path / "left.png").exists()


def test_one_photo_is_not_several(tmp_path):
    with PhotoFile(tmp_path / "out.png", overwrite=False) as sink:
        sink.write(output(RGB))
        with pytest.raises(StreamError, match="several frames"):
            sink.write(output(RGB, 1))


def test_existing_and_input_files_are_safe(tmp_path):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), RGB)
    before = path.read_bytes()
    with pytest.raises(StreamError, match="exists"):
        PhotoFile(path, overwrite=False)
    os.link(path, tmp_path / "same.png")
    with pytest.raises(StreamError, match="is the input"):
        PhotoFile(tmp_path / "same.png", overwrite=True, input_paths=[path])
    with (
        PhotoFolder(tmp_path, overwrite=True, input_paths=[path]) as sink,
        pytest.raises(StreamError, match="is the input"),
    ):
        sink.write(output(RGB, name="photo.jpg"))
    assert path.read_bytes() == before


def test_transparency_is_kept_or_refused(tmp_path):
    rgba = np.dstack([RGB, np.full(RGB.shape[:2], 99, np.uint8)])
    data = np.frombuffer(encode_photo(rgba, Path("x.png")), np.uint8)
    assert (cv2.imdecode(data, cv2.IMREAD_UNCHANGED) == rgba[..., [2, 1, 0, 3]]).all()
    with pytest.raises(StreamError, match="cannot be transparent"):
        encode_photo(rgba, tmp_path / "x.jpg")


def test_folder_names_frames_by_number_and_photos_by_name(tmp_path):
    with PhotoFolder(tmp_path / "out", overwrite=False) as sink:
        sink.write(output(RGB, 7))
        sink.write(output(RGB, 8, "cat.jpg"))
        sink.write(output(RGB, 9, "cat.png"))
        sink.finish(cut_short=True)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["000007.png", "cat.png", "cat_000009.png"]
    with pytest.raises(StreamError, match="not empty"):
        PhotoFolder(tmp_path / "out", overwrite=False)


def test_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with PhotoFile(tmp_path / "out.png", overwrite=False) as sink:
        sink.write(output(RGB))
        with pytest.raises(StreamError, match="No space left"):
            sink.finish(cut_short=False)
    assert list(tmp_path.iterdir()) == []
