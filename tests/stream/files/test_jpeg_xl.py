"""JPEG XL: its pixels, and all that belongs to them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from stream.errors import StreamError
from stream.files.photos import open_photo
from stream.photo.formats import described_colours
from tests.ffmpeg_reference import ffmpeg
from tests.inputs.icc_profiles import ADOBE_RGB, rgb_profile
from tests.inputs.photo_files import camera_exif, is_thumbnail_in, kept, png, through

Image = pytest.importorskip("PIL.Image")

ROWS, COLUMNS = np.mgrid[:60, :40]
SMOOTH = np.dstack([COLUMNS * 6, ROWS * 4, ROWS + COLUMNS]).astype(np.uint8)
CLEAR = np.dstack([SMOOTH, np.where(COLUMNS < 20, 0, 200).astype(np.uint8)])


def write(path: Path, image: np.ndarray, *options: str, pixels: str = "") -> Path:
    """Write (N, H, W, C), or one picture of them, as it is."""
    kind = "rgba" if image.shape[-1] == 4 else "rgb24"
    shape = ("-f", "rawvideo", "-pix_fmt", kind, "-s", "40x60", "-r", "10", "-i", "-")
    wanted = ("-pix_fmt", pixels or kind, "-distance", "0")
    ffmpeg(*shape, *options, *wanted, path, data=np.ascontiguousarray(image).tobytes())
    return path


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, name) + body


def stored_brotli(data: bytes) -> bytes:
    """What Brotli makes of data that it does not compress (RFC 7932, section 9.2)."""
    return ((len(data) - 1) << 4 | 1 << 20).to_bytes(3, "little") + data + b"\x03"


@pytest.mark.parametrize("pixels", ["rgb24", "rgb48le"])
def test_pixels_and_bits(tmp_path, pixels):
    photo = open_photo(write(tmp_path / "in.jxl", SMOOTH, pixels=pixels))
    np.testing.assert_allclose(photo.image, SMOOTH, atol=pixels == "rgb48le")
    assert (photo.deep is not None) == (pixels == "rgb48le")
    assert photo.remarks == ()


def test_a_dark_one_of_16_bits_is_not_made_brighter(tmp_path):
    photo = open_photo(write(tmp_path / "in.jxl", SMOOTH // 20, pixels="rgb48le"))
    np.testing.assert_allclose(photo.image, SMOOTH // 20, atol=1)


@pytest.mark.parametrize("pixels", ["rgba", "rgba64le"])
def test_what_is_clear_stays_clear(tmp_path, pixels):
    assert through(write(tmp_path / "in.jxl", CLEAR, pixels=pixels), tmp_path / "out.png") == []
    photo = open_photo(tmp_path / "out.png")
    assert photo.straight is not None
    np.testing.assert_array_equal(photo.straight[..., 3], CLEAR[..., 3])
    np.testing.assert_allclose(photo.straight[:, 20:], CLEAR[:, 20:], atol=pixels == "rgba64le")
    assert (photo.image[:, :20] == 255).all(), "on white"


def test_an_animation_is_told(tmp_path):
    path = tmp_path / "in.jxl"
    frames = ("-f", "lavfi", "-i", "testsrc2=s=40x60:r=10", "-frames:v", "2")
    ffmpeg(*frames, "-c:v", "libjxl_anim", "-f", "image2pipe", path)
    photo = open_photo(path)
    assert photo.remarks == ("is an animation; the first frame is taken",)
    assert photo.image.shape == (60, 40, 3)


@pytest.mark.parametrize("is_compressed", [False, True])
def test_camera_and_date_are_kept(tmp_path, is_compressed):
    """How the picture lies, its pixels say; EXIF does not count."""
    code = write(tmp_path / "bare.jxl", SMOOTH).read_bytes()
    exif = bytes(4) + camera_exif(6)
    notes = box(b"brob", b"Exif" + stored_brotli(exif)) if is_compressed else box(b"Exif", exif)
    path = tmp_path / "in.jxl"
    start = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    path.write_bytes(start + notes + box(b"jxlc", code))
    assert through(path, tmp_path / "out.jpg") == []
    found = kept(tmp_path / "out.jpg")
    assert found["camera"] == ["Maker", "Model 5"]
    assert found["date"][0] == "2024:05:06 07:08:09"
    assert found["orientation"] == 1
    assert not is_thumbnail_in(tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.size == (40, 60)


def test_colours_in_numbers_become_srgb(tmp_path):
    tags = "setparams=color_primaries=smpte432:color_trc=iec61966-2-1"
    photo = open_photo(write(tmp_path / "in.jxl", SMOOTH, "-vf", tags))
    colours = described_colours.of_code_points(12, 13)
    assert colours is not None
    wanted = colours.to_srgb(SMOOTH)
    assert np.abs(wanted.astype(int) - SMOOTH).max() > 10
    assert np.abs(photo.image.astype(int) - wanted).max() <= 1
    assert photo.profile is None


def test_a_profile_is_kept(tmp_path):
    profile = rgb_profile(*ADOBE_RGB)
    (tmp_path / "in.png").write_bytes(png(SMOOTH))
    with Image.open(tmp_path / "in.png") as image:
        image.save(tmp_path / "in.png", icc_profile=profile)
    ffmpeg("-i", tmp_path / "in.png", "-distance", "0", tmp_path / "in.jxl")
    photo = open_photo(tmp_path / "in.jxl")
    assert photo.profile == profile
    np.testing.assert_array_equal(photo.image, SMOOTH)


def test_one_that_breaks_off_is_named(tmp_path):
    data = write(tmp_path / "in.jxl", SMOOTH).read_bytes()
    for length in (20, len(data) // 2):
        (tmp_path / "torn.jxl").write_bytes(data[:length])
        with pytest.raises(StreamError, match=r"torn\.jxl: cannot be decoded"):
            open_photo(tmp_path / "torn.jxl")
