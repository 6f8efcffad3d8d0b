"""The table of docs/photos.md is what a run makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stream.photo.encoding import FORMATS, encode, lost_in_video
from stream.photo.formats.exif import Notes, Value
from stream.photo.photo import photo_of
from tests.folders import ROOT
from tests.inputs.icc_profiles import ADOBE_RGB, rgb_profile
from tests.inputs.photo_files import kept

pytest.importorskip("PIL.Image")

PAGE = (ROOT / "docs" / "photos.md").read_text()
ROWS = [
    [cell.strip() for cell in line[1:-1].split("|")]
    for line in PAGE.splitlines()
    if line.startswith("|")
]
TABLE = {row[0]: dict(zip(ROWS[0][1:], row[1:], strict=True)) for row in ROWS[2:]}
COLUMN = {ending: name for name in ROWS[0][1:] for ending in FORMATS if f"`{ending}`" in name}
NOTES = Notes(
    camera={0x010F: Value(2, b"Maker\0")},
    place={1: Value(2, b"N\0")},
    dpi=(300.0, 300.0),
)
PIXELS = np.full((8, 8, 4), 30_000, np.uint16)


def test_every_ending_has_a_column():
    assert set(COLUMN) == set(FORMATS)


@pytest.mark.parametrize("ending", FORMATS)
def test_table(tmp_path: Path, ending: str):
    photo = photo_of(PIXELS, profile=rgb_profile(*ADOBE_RGB), notes=NOTES)
    data, lost = encode(photo.image, ending, photo, keep_location=True)
    path = tmp_path / f"out{ending}"
    path.write_bytes(data)
    found, said = kept(path), " ".join(lost)

    def says(row: str) -> str:
        return TABLE[row][COLUMN[ending]]

    assert says("RGB profile") == ("kept" if found["profile"] == photo.profile else "to sRGB")
    assert says("resolution") == ("kept" if found["dpi"] == 300 else "none")
    is_kept = found["camera"][0] == "Maker"  # type: ignore[index]
    assert says("camera and date") == ("kept" if is_kept else "said" if "camera" in said else "")
    is_kept = found["place"] == {1: "N"}
    place = says("place, with `--keep-location`")
    assert place == ("kept" if is_kept else "said" if "place" in said else "")
    assert says("transparency") == ("said" if "transparency" in said else "kept")
    assert says("16 bits a channel") == ("said" if "16 bits" in said else "kept")


def test_column_of_videos():
    photo = photo_of(PIXELS, notes=NOTES)
    said = " ".join(lost_in_video(photo.image, photo, keep_location=True))
    for row, word in {
        "camera and date": "camera",
        "place, with `--keep-location`": "place",
        "transparency": "transparency",
        "16 bits a channel": "16 bits",
    }.items():
        assert TABLE[row]["video"] == "said"
        assert word in said
