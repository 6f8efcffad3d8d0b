"""HEIC and AVIF photos, whose tiles are put together."""

from __future__ import annotations

import numpy as np
import pytest

from stream.errors import StreamError
from stream.files.photos import open_photo
from stream.photo.formats.kinds import photo_header
from tests.ffmpeg_reference import ffmpeg
from tests.inputs.heif_files import write_heif
from tests.inputs.icc_profiles import DISPLAY_P3, rgb_profile
from tests.inputs.photo_files import camera_exif, is_thumbnail_in, kept, person, through

Image = pytest.importorskip("PIL.Image")

ROWS, COLUMNS = np.mgrid[:180, :120]
SMOOTH = np.dstack([COLUMNS * 2, ROWS * 255 // 179, (ROWS + COLUMNS) // 2]).astype(np.uint8)
PROFILE = rgb_profile(*DISPLAY_P3)


@pytest.mark.parametrize("ending", [".heic", ".avif"])
@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_tiles_are_one_photo(tmp_path, ending, quarter_turns):
    source = tmp_path / f"in{ending}"
    # EXIF says it as well: turned once
    write_heif(source, SMOOTH, quarter_turns=quarter_turns, profile=PROFILE, exif=camera_exif(6))
    assert through(source, tmp_path / "out.png") == []
    upright = np.rot90(SMOOTH, quarter_turns).astype(int)
    with Image.open(tmp_path / "out.png") as image:
        written = np.asarray(image).astype(int)
    assert written.shape == upright.shape
    assert np.abs(written - upright).mean() < 3
    found = kept(tmp_path / "out.png")
    assert found["profile"] == PROFILE
    assert found["camera"] == ["Maker", "Model 5"]
    assert found["date"][0] == "2024:05:06 07:08:09"
    assert found["orientation"] == 1
    assert is_thumbnail_in(source)
    assert not is_thumbnail_in(tmp_path / "out.png")


@pytest.mark.parametrize("ending", [".heic", ".avif"])
@pytest.mark.parametrize(("mirrored", "step"), [(0, np.s_[::-1]), (1, np.s_[:, ::-1])])
def test_a_mirrored_photo_is_turned_before(tmp_path, ending, mirrored, step):
    source = tmp_path / f"in{ending}"
    write_heif(source, SMOOTH, quarter_turns=1, mirrored=mirrored, exif=camera_exif(6))
    shown = open_photo(source).image.astype(int)
    assert np.abs(shown - np.rot90(SMOOTH)[step]).mean() < 3


@pytest.mark.parametrize("ending", [".heic", ".avif"])
@pytest.mark.parametrize(
    ("size_hw", "quarter_turns", "mirrored"),
    [((180, 120), 3, 0), ((64, 64), 0, None), ((64, 64), 1, 1)],
)
def test_what_lies_outside_the_clean_aperture_is_not_shown(
    tmp_path, ending, size_hw, quarter_turns, mirrored
):
    source, image = tmp_path / f"in{ending}", SMOOTH[: size_hw[0], : size_hw[1]]
    turned = {"quarter_turns": quarter_turns, "mirrored": mirrored}
    write_heif(source, image, seen_xywh=(5, 8, 51, 37), **turned)
    shown = np.rot90(image[8:45, 5:56], quarter_turns).astype(int)
    shown = {None: shown, 0: shown[::-1], 1: shown[:, ::-1]}[mirrored]
    read = open_photo(source).image.astype(int)
    assert read.shape == shown.shape
    assert np.abs(read - shown).mean() < 3


def test_what_belongs_to_a_picture_may_stand_in_several_boxes(tmp_path):
    source = tmp_path / "in.avif"  # of HEIC ffmpeg reads no second one
    write_heif(source, SMOOTH, seen_xywh=(5, 8, 51, 37), links_apart=True)
    assert open_photo(source).image.shape == (37, 51, 3)


@pytest.mark.parametrize("ending", [".heic", ".avif"])
def test_tiles_are_one_background(tmp_path, ending):
    wall = tmp_path / f"wall{ending}"
    write_heif(wall, np.full((180, 240, 3), (40, 90, 200), np.uint8))
    Image.fromarray(person((48, 64))).save(tmp_path / "in.png")
    through(tmp_path / "in.png", tmp_path / "out.png", f"replace={wall}")
    with Image.open(tmp_path / "out.png") as image:
        shown = np.asarray(image).astype(int)
    assert np.abs(shown[2:10] - (40, 90, 200)).max() < 5
    assert np.abs(shown[-2:] - (40, 90, 200)).max() < 5


def test_a_heic_is_known_by_its_content(tmp_path):
    write_heif(tmp_path / "in.heic", SMOOTH)
    for name in ("IMG_1.JPG", "noending"):
        (tmp_path / name).write_bytes((tmp_path / "in.heic").read_bytes())
        assert open_photo(tmp_path / name).image.shape == (180, 120, 3)


def test_a_heic_that_breaks_off_is_named(tmp_path):
    write_heif(tmp_path / "in.heic", SMOOTH)
    data = (tmp_path / "in.heic").read_bytes()
    for length in (40, 200, len(data) // 2):
        (tmp_path / "torn.heic").write_bytes(data[:length])
        with pytest.raises(StreamError, match=r"torn\.heic: cannot be decoded"):
            open_photo(tmp_path / "torn.heic")


def test_the_colours_and_bits_of_a_gain_map_are_not_the_photos(tmp_path):
    nclx = b"nclx" + (12).to_bytes(2) + (13).to_bytes(2) + (6).to_bytes(2) + b"\x80"
    write_heif(
        tmp_path / "in.heic",
        SMOOTH,
        described=[("colr", nclx), ("pixi", bytes(4) + b"\3\x08\x08\x08")],
        described_elsewhere=[("colr", b"prof" + PROFILE), ("pixi", bytes(4) + b"\1\x0a")],
    )
    header = photo_header((tmp_path / "in.heic").read_bytes())
    assert header is not None
    assert (header.depth, header.profile) == (8, None)
    assert header.colours is not None


def test_an_avif_of_ten_bits_keeps_them(tmp_path):
    raw, source = tmp_path / "in.raw", tmp_path / "in.avif"
    ramp = np.broadcast_to(np.arange(1024, dtype="<u2"), (64, 1024))
    raw.write_bytes(ramp.tobytes() + np.full((64, 512), 512, "<u2").tobytes())
    shape = ("-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", "1024x64")
    codec = ("-c:v", "libaom-av1", "-crf", "2", "-cpu-used", "8", "-still-picture", "1")
    ffmpeg(*shape, "-i", raw, "-vf", "setparams=range=pc", *codec, source)
    assert through(source, tmp_path / "out.png") == []
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (1024, 64)
    photo = open_photo(source)
    assert photo.deep is not None
    assert len(np.unique(photo.deep[..., 0])) > 500
