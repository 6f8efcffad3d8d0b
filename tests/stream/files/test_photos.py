"""The file of a photo becomes pixels, and pixels the file of a photo."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from stream.errors import StreamError
from stream.files.photos import read_photo
from stream.frame import Output
from stream.sinks.parts.options import SinkOptions
from stream.sinks.photos import PhotoFile
from stream.sources.photos import Photos

RGB = np.zeros((6, 8, 3), np.uint8)
RGB[:, :4] = (250, 120, 10)


def write_jpeg(path: Path, orientation: int) -> None:
    """Write a photo, left half orange, whose EXIF says how to turn it."""
    data = cv2.imencode(".jpg", np.repeat(np.repeat(RGB, 8, 0), 8, 1)[..., ::-1])[1].tobytes()
    tag = b"\x01\x12\x00\x03\x00\x00\x00\x01" + orientation.to_bytes(2, "big") + b"\x00\x00"
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01" + tag + b"\x00\x00\x00\x00"
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    path.write_bytes(data[:2] + segment + data[2:])


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
    with PhotoFile(out, SinkOptions()) as sink:
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


def png_header(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + head + struct.pack(">I", zlib.crc32(head))


def test_size_of_what_is_too_large_is_told(tmp_path):
    (tmp_path / "x.png").write_bytes(png_header(60_000, 60_000))
    with pytest.raises(StreamError, match=r"x\.png: has 60000x60000 pixels"):
        read_photo(tmp_path / "x.png")


@pytest.mark.parametrize("content", [b"", b"not a picture", png_header(60, 60)])
def test_what_is_no_photo_is_named(tmp_path, content):
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(StreamError, match=r"x\.jpg: not a picture"):
        read_photo(tmp_path / "x.jpg")
    with pytest.raises(StreamError, match=r"missing\.jpg: cannot be read"):
        read_photo(tmp_path / "missing.jpg")
    (tmp_path / "x.jpg").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(9))
    with pytest.raises(StreamError, match=r"x\.jpg: is a video"):
        read_photo(tmp_path / "x.jpg")


def test_all_pixels_are_enough_of_a_photo(tmp_path):
    data = cv2.imencode(".png", RGB[..., ::-1])[1].tobytes()
    (tmp_path / "x.png").write_bytes(data[:-12] + b"\xff" * 12)  # its end is damaged
    np.testing.assert_array_equal(read_photo(tmp_path / "x.png"), RGB)
