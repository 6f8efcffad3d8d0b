"""What goes with a photo from its file to the next, and what never does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stream.files.photos import open_photo, read_photo
from tests.inputs.icc_profiles import ADOBE_RGB, rgb_profile
from tests.inputs.photo_files import camera_exif, is_thumbnail_in, kept, person, through, thumbnail

Image = pytest.importorskip("PIL.Image")

PROFILE = rgb_profile(*ADOBE_RGB)
SOURCES = [".jpg", ".png", ".webp", ".avif", ".tif"]


def write_source(path, orientation: int = 1) -> None:
    """Write a photo as a camera does, with a preview behind it as well."""
    exif = camera_exif(orientation)
    lossless = {".webp": {"lossless": True}, ".avif": {"quality": 100}, ".jpg": {"quality": 95}}
    more = {"icc_profile": PROFILE, "dpi": (300, 300), **lossless.get(path.suffix, {})}
    if path.suffix == ".tif":
        block = Image.Exif()
        block.load(b"Exif\0\0" + exif)
        Image.fromarray(person()).save(path, exif=block, **more)
    else:
        Image.fromarray(person()).save(path, exif=b"Exif\0\0" + exif, **more)
    with path.open("ab") as file:
        file.write(thumbnail() if path.suffix != ".tif" else b"")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".tif"])
def test_camera_date_resolution_and_profile_are_kept(tmp_path, source, ending):
    write_source(tmp_path / f"in{source}")
    assert is_thumbnail_in(tmp_path / f"in{source}")
    out = tmp_path / f"out{ending}"
    assert through(tmp_path / f"in{source}", out, "grey") == []
    found = kept(out)
    assert found["camera"] == ["Maker", "Model 5"]
    assert found["date"] == ["2024:05:06 07:08:09", "+02:00", "2024:05:06 07:08:10"]
    assert found["dpi"] == 300
    assert found["profile"] == PROFILE
    assert found["place"] == {}, "only where it is asked for"
    assert found["other"] == [], "a list of what is kept, not of what is left out"
    assert not is_thumbnail_in(out), "it shows the room"


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".tif"])
def test_place_is_kept_where_it_is_asked_for(tmp_path, ending):
    write_source(tmp_path / "in.jpg")
    out = tmp_path / f"out{ending}"
    through(tmp_path / "in.jpg", out, keep_location=True)
    place = kept(out)["place"]
    assert (place[1], place[3]) == ("N", "E")
    assert [float(part) for part in place[2]] == [52, 31, 12]
    assert not is_thumbnail_in(out)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_photos_are_turned_once(tmp_path, source, orientation):
    write_source(tmp_path / f"in{source}", orientation)
    with Image.open(tmp_path / f"in{source}") as image:
        from PIL import ImageOps

        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)
    out = tmp_path / "out.png"
    through(tmp_path / f"in{source}", out)
    assert kept(out)["orientation"] == 1
    with Image.open(out) as image:
        written = np.asarray(image).astype(int)
    assert written.shape == upright.shape
    assert np.abs(written - upright).max() < 12


@pytest.mark.parametrize("mode", ["RGBA", "LA", "CMYK"])
def test_tiff_files_of_any_colours_are_turned_once(tmp_path, mode):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (64, 48), "black")
    picture.paste("white", (0, 0, 64, 8))  # at the right, once it is upright
    picture.convert(mode).save(tmp_path / "in.tif", exif=exif)
    upright = read_photo(tmp_path / "in.tif")
    assert upright.shape[:2] == (64, 48)
    assert upright[:, -7:, :3].min() > 200
    assert upright[:, :-9, :3].max() < 60


def test_what_an_output_cannot_hold_is_said(tmp_path):
    write_source(tmp_path / "in.jpg")
    lines = through(tmp_path / "in.jpg", tmp_path / "out.bmp")
    assert lines == [f"{tmp_path / 'out.bmp'}: is without the camera and date of its photo"]
    assert kept(tmp_path / "out.bmp")["dpi"] == 300
    assert (
        np.abs(
            read_photo(tmp_path / "out.bmp").astype(int) - read_photo(tmp_path / "in.jpg")
        ).mean()
        < 2
    )
    lines = through(tmp_path / "in.jpg", tmp_path / "out.mp4", keep_location=True)
    assert lines == [
        f"{tmp_path / 'out.mp4'}: is without the camera and date and place of its photo"
    ]


def test_what_holds_for_many_is_said_once(tmp_path):
    (tmp_path / "in").mkdir()
    deep = np.full((8, 8, 3), 40_000, np.uint16)
    for index in range(4):
        cv2.imwrite(str(tmp_path / "in" / f"{index}.png"), deep)
    lines = through(tmp_path / "in", f"{tmp_path / 'out'}/", "grey")
    text = "has 8 of the 16 bits a channel of its photo where that was changed"
    assert lines == [f"{tmp_path / 'out' / '0.png'}: {text}", f"3 more photos: {text}"]


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_sixteen_bits_stay_sixteen(tmp_path, ending):
    person_16 = person().astype(np.uint16) * 257
    person_16 += np.random.default_rng(1).integers(0, 100, person_16.shape).astype(np.uint16)
    cv2.imwrite(str(tmp_path / f"in{ending}"), person_16[..., ::-1])
    out = tmp_path / f"out{ending}"
    assert through(tmp_path / f"in{ending}", out) == []
    assert (cv2.imread(str(out), cv2.IMREAD_UNCHANGED)[..., ::-1] == person_16).all()
    covered = tmp_path / f"covered{ending}"
    # the oracle looks for colours of eight bits
    (line,) = through(tmp_path / f"in{ending}", covered, "replace=#102030")
    assert "where that was changed" in line
    written = cv2.imread(str(covered), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert written.dtype == np.uint16
    assert (written[0, 0] == np.array([0x10, 0x20, 0x30]) * 257).all()
    assert (written[20:28, 20:36] == person_16[20:28, 20:36]).all(), (
        "the person is as deep as before"
    )
    (line,) = through(tmp_path / f"in{ending}", tmp_path / "out.jpg")
    assert "has 8 of the 16 bits" in line


def test_twelve_bits_in_sixteen_are_seen(tmp_path):
    grey = np.tile(np.linspace(0, 4095, 64).astype(np.uint16), (48, 1))
    cv2.imwrite(str(tmp_path / "in.png"), grey)
    photo = open_photo(tmp_path / "in.png")
    assert photo.image.max() == 255
    assert photo.deep is not None
    assert photo.deep.max() == 65535
    assert "taken for 12 bits" in photo.remarks[0]
    cv2.imwrite(str(tmp_path / "dark.png"), grey // 20)
    assert open_photo(tmp_path / "dark.png").remarks == ()
