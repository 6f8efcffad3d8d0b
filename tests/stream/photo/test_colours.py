"""Colours of photos: converted or kept, never dropped."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from segmentation.instances import Instances
from stream.files.photos import open_photo, read_photo
from stream.serve.site.limits import Limits
from stream.serve.uploads import decode_photo
from tests.ffmpeg_reference import rgb
from tests.inputs.icc_profiles import ADOBE_RGB, DISPLAY_P3, cmyk_profile, grey_profile, rgb_profile
from tests.inputs.photo_files import person, png, through, with_chunk
from tests.stand_ins.fakes import PERSON, ROOM, Oracle

Image = pytest.importorskip("PIL.Image")
ImageCms = pytest.importorskip("PIL.ImageCms")

RAMP = np.tile(np.arange(0, 256, 4, np.uint8), (48, 1))


def seen(path) -> np.ndarray:
    """Return the picture as a program shows it that heeds profiles."""
    with Image.open(path) as image:
        profile = image.info.get("icc_profile")
        if profile is not None:
            source, srgb = io.BytesIO(profile), ImageCms.createProfile("sRGB")
            image = ImageCms.profileToProfile(image, source, srgb, 1, outputMode="RGB")
        return np.asarray(image.convert("RGB")).astype(int)


class OracleOf(Oracle):
    """Knows what the person's colour in a photo with a profile is in sRGB."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._colour = read_photo(path)[24, 28]

    def _one(self, image: np.ndarray) -> Instances:
        is_person = (image == self._colour).all(axis=2, keepdims=True)
        return super()._one(np.where(is_person, np.uint8(PERSON), np.uint8(ROOM)))


@pytest.mark.parametrize("profile", [ADOBE_RGB, DISPLAY_P3])
def test_networks_see_srgb(tmp_path, profile):
    source = tmp_path / "in.png"
    Image.fromarray(person()).save(source, icc_profile=rgb_profile(*profile))
    oracle = OracleOf(source)
    through(source, tmp_path / "out.png", segmenter=oracle)
    image = oracle.seen[-1]  # the first one is a trial
    assert (image == read_photo(source)).all()
    assert (image != person()).any()


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("out", [".png", ".jpg", ".bmp", ".tif"])
def test_grey_profiles_are_converted(tmp_path, ending, out):
    source = tmp_path / f"in{ending}"
    Image.fromarray(RAMP).save(source, icc_profile=grey_profile(1.0), quality=100)
    assert through(source, tmp_path / f"out{out}") == []
    assert np.abs(seen(tmp_path / f"out{out}") - seen(source)).mean() < 2


def test_grey_of_sixteen_bits_is_converted(tmp_path):
    deep = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (48, 1))
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    chunk = b"x\0\0" + zlib.compress(grey_profile(1.0))
    (tmp_path / "in.png").write_bytes(with_chunk((tmp_path / "a.png").read_bytes(), b"iCCP", chunk))
    photo = open_photo(tmp_path / "in.png")
    assert photo.deep is not None
    light = np.linspace(0, 1, 64)
    expected = np.where(light < 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(photo.image[0, :, 0] - expected).max() < 3


@pytest.mark.parametrize("ending", [".jpg", ".tif"])
def test_cmyk_profiles_are_converted(tmp_path, ending):
    source = tmp_path / f"in{ending}"
    inks = np.random.default_rng(2).integers(0, 256, (3, 4, 4)).astype(np.uint8).repeat(16, 0)
    image = Image.fromarray(inks.repeat(16, 1), mode="CMYK")
    image.save(source, icc_profile=cmyk_profile(), quality=100)
    assert through(source, tmp_path / "out.png") == []
    assert np.abs(seen(tmp_path / "out.png") - seen(source)).mean() < 2


@pytest.mark.parametrize("profile", [ADOBE_RGB, DISPLAY_P3])
def test_profiles_are_brought_into_a_videos_colours(tmp_path, profile):
    image = np.full((48, 64, 3), (125, 217, 76), np.uint8)
    Image.fromarray(image).save(tmp_path / "in.png", icc_profile=rgb_profile(*profile))
    through(tmp_path / "in.png", tmp_path / "out.mkv")
    written = rgb(tmp_path / "out.mkv", (48, 64), 1)[0, 24, 32].astype(int)
    assert np.abs(written - seen(tmp_path / "in.png")[24, 32]).max() < 6


@pytest.mark.parametrize("background", ["#1edc3c", "photo"])
@pytest.mark.parametrize("profile", [ADOBE_RGB, DISPLAY_P3])
def test_a_background_is_brought_into_its_photos_colours(tmp_path, background, profile):
    source = tmp_path / "in.png"
    Image.fromarray(person()).save(source, icc_profile=rgb_profile(*profile))
    value = background
    if background == "photo":
        value = str(tmp_path / "wall.png")
        wall = Image.fromarray(np.full((8, 8, 3), (125, 217, 76), np.uint8))
        wall.save(value, icc_profile=rgb_profile(*ADOBE_RGB))
    through(source, tmp_path / "out.png", f"replace={value}", OracleOf(source))
    assert np.abs(seen(tmp_path / "out.png")[2, 2] - (30, 220, 60)).max() < 6
    assert (seen(tmp_path / "out.png")[24, 28] == seen(source)[24, 28]).all()


@pytest.mark.parametrize("effect", ["overlay", "blur", "cutout"])
def test_other_effects_go_on_in_a_photos_colours(tmp_path, effect):
    source = tmp_path / "in.png"
    Image.fromarray(person()).save(source, icc_profile=rgb_profile(*ADOBE_RGB))
    through(source, tmp_path / "out.png", effect, OracleOf(source))
    with Image.open(tmp_path / "out.png") as image:
        assert image.info["icc_profile"] == rgb_profile(*ADOBE_RGB)
    if effect == "overlay":
        line = seen(tmp_path / "out.png")[15, 28]
        assert np.abs(line - (0, 200, 255)).max() < 6


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("kind", ["cut off", "none", "of CMYK"])
def test_a_profile_that_does_not_fit_is_said(tmp_path, ending, kind):
    profile = {"cut off": rgb_profile(*ADOBE_RGB)[:300], "none": b"none", "of CMYK": cmyk_profile()}
    source = tmp_path / f"in{ending}"
    Image.fromarray(person()).save(source, icc_profile=profile[kind], quality=95)
    (line,) = through(source, tmp_path / "out.png")
    assert "has a colour profile that does not fit" in line
    with Image.open(tmp_path / "out.png") as image:
        assert "icc_profile" not in image.info


@pytest.mark.parametrize(
    ("index", "profile", "is_adobe"),
    [("R03", None, True), ("R98", None, False), ("R03", rgb_profile(*DISPLAY_P3), False)],
)
def test_adobe_rgb_that_a_camera_names_counts_where_there_is_no_profile(
    tmp_path, index, profile, is_adobe
):
    stored = np.full((16, 16, 3), (150, 190, 100), np.uint8)
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA001: 0xFFFF, 0xA005: {1: index}})
    more = {"icc_profile": profile} if profile else {}
    Image.fromarray(stored).save(tmp_path / "_MG_1.jpg", exif=exif, quality=100, **more)
    Image.fromarray(stored).save(tmp_path / "a.png", icc_profile=rgb_profile(*ADOBE_RGB))
    assert through(tmp_path / "_MG_1.jpg", tmp_path / "out.png") == []
    meant = seen(tmp_path / "a.png") if is_adobe else seen(tmp_path / "_MG_1.jpg")
    assert np.abs(seen(tmp_path / "out.png")[8, 8] - meant[8, 8]).max() < 4


def linear(image: np.ndarray) -> np.ndarray:
    return np.rint((image / 255) ** 2.2 * 255).astype(np.uint8)


def test_gamma_of_a_png_counts(tmp_path):
    source = tmp_path / "in.png"
    shades = np.dstack([RAMP] * 3)
    source.write_bytes(with_chunk(png(linear(shades)), b"gAMA", struct.pack(">I", 100_000)))
    bright = slice(16, None)  # of dark shades eight bits of light tell too few apart
    assert np.abs(read_photo(source)[:, bright].astype(int) - shades[:, bright]).max() < 6
    usual = with_chunk(png(shades), b"gAMA", struct.pack(">I", 45_455))
    source.write_bytes(usual)
    assert (read_photo(source) == shades).all()
    source.write_bytes(
        with_chunk(with_chunk(png(shades), b"gAMA", struct.pack(">I", 100_000)), b"sRGB", b"\0")
    )
    assert (read_photo(source) == shades).all(), "sRGB comes first"


def test_primaries_of_a_png_count(tmp_path):
    source = tmp_path / "in.png"
    image = np.full((8, 8, 3), (104, 216, 87), np.uint8)  # (30, 220, 60) in Display P3
    points = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    source.write_bytes(with_chunk(png(image), b"cHRM", struct.pack(">8I", *points)))
    assert np.abs(read_photo(source)[0, 0].astype(int) - (30, 220, 60)).max() < 9
    source.write_bytes(with_chunk(png(image), b"cICP", bytes([12, 13, 0, 1])))
    assert np.abs(read_photo(source)[0, 0].astype(int) - (30, 220, 60)).max() < 9
    source.write_bytes(with_chunk(png(image), b"cICP", bytes([1, 13, 0, 1])))
    assert (read_photo(source) == image).all()


@pytest.mark.parametrize(("transfer", "white"), [(16, 148), (18, 191)])
def test_hdr_photos_are_brought_into_srgb(tmp_path, transfer, white):
    """The white of a page, 203 cd/m2, is PQ 58 % and HLG 75 %; what is brighter is still there."""
    source = tmp_path / "in.png"
    image = np.zeros((8, 8, 3), np.uint8)
    image[:4], image[4:, :4] = white, 255
    source.write_bytes(with_chunk(png(image), b"cICP", bytes([9, transfer, 0, 1])))
    shown = read_photo(source)
    assert 225 < shown[0, 0, 0] < shown[7, 0, 0] <= 255
    assert (shown[7, 7] == 0).all()
    assert open_photo(source).remarks == ("has HDR colours, which are brought into sRGB",)


def test_uploads_are_brought_into_srgb():
    image = np.full((48, 64, 3), (125, 217, 76), np.uint8)
    data = io.BytesIO()
    Image.fromarray(image).save(data, "PNG", icc_profile=rgb_profile(*ADOBE_RGB))
    shown = decode_photo(data.getvalue(), Limits())
    assert np.abs(shown[0, 0].astype(int) - (30, 220, 60)).max() < 4
    linear_png = with_chunk(
        png(np.full((8, 8, 3), 55, np.uint8)), b"gAMA", struct.pack(">I", 100_000)
    )
    assert abs(int(decode_photo(linear_png, Limits())[0, 0, 0]) - 128) < 4


def test_lab_is_converted_from_its_own_white(tmp_path):
    grey_and_red = np.zeros((16, 32, 3), np.uint8)
    grey_and_red[..., 0] = 136  # L* 53.3
    grey_and_red[:, 16:, 1:] = 80, 67
    path = tmp_path / "lab.tif"
    Image.fromarray(grey_and_red, "LAB").save(path)
    image = read_photo(path).astype(int)
    assert np.ptp(image[8, 4]) <= 2
    assert image[8, 4] == pytest.approx([127] * 3, abs=3)
    assert image[8, 28] == pytest.approx([255, 0, 0], abs=12)
