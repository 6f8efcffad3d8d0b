"""What is a photo alone is one in a folder; what is passed over is named."""

from __future__ import annotations

import cv2
import pytest

from stream.errors import StreamError
from stream.sources import local_files, open_source
from tests.inputs.heif_files import write_heif
from tests.inputs.photo_files import names, person, through


def write_all(folder) -> list[str]:
    """Write one photo of each kind; returns their names."""
    image = pytest.importorskip("PIL.Image")
    folder.mkdir()
    picture = image.fromarray(person())
    for name in (
        "a.jpg",
        "b.JPEG",
        "c.jpe",
        "d.jfif",
        "e.png",
        "f.webp",
        "g.bmp",
        "h.tif",
        "k.avif",
    ):
        picture.save(folder / name)
    picture.save(folder / "l.gif")
    write_heif(folder / "m.HEIC", person())
    (folder / "noending").write_bytes((folder / "a.jpg").read_bytes())
    (folder / "odd.ending").write_bytes((folder / "e.png").read_bytes())
    return names(folder)


def test_every_kind_of_photo_is_taken(tmp_path):
    written = write_all(tmp_path / "in")
    assert through(tmp_path / "in", f"{tmp_path / 'out'}/") == []
    assert len(names(tmp_path / "out")) == len(written)
    (tmp_path / "alone").mkdir()
    for name in written:
        assert through(tmp_path / "in" / name, tmp_path / "alone" / f"{name}.png") == []


def test_what_is_passed_over_is_named_and_counted(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), person())
    for index in range(7):
        (tmp_path / f"notes{index}.txt").write_text("no photo")
    (tmp_path / "more").mkdir()
    (tmp_path / ".DS_Store").write_bytes(b"the system's")
    told: list[str] = []
    with open_source(str(tmp_path), on_message=told.append) as source:
        assert [frame.name for frame in source] == ["a.png"]
    names = "more/, notes0.txt, notes1.txt, notes2.txt, notes3.txt and 3 more"
    assert told == [f"{tmp_path}: passed over 8 of 9, no photos: {names}"]
    told.clear()
    with open_source(f"{tmp_path}/*", on_message=told.append):
        assert "passed over 8 of 9" in told[0]


def test_a_torn_photo_is_an_error_and_not_passed_over(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), person())
    (tmp_path / "b.jpg").write_bytes(b"torn")
    told: list[str] = []
    with open_source(str(tmp_path), on_message=told.append) as source:
        assert len(list(source)) == 1
    assert told == [f"error: {tmp_path / 'b.jpg'}: not a picture that can be read; is it whole?"]


def test_videos_are_no_photos_of_a_folder(tmp_path, square_clip):
    for name in ("one.mkv", "two.mkv"):
        (tmp_path / name).write_bytes(square_clip.read_bytes())
    for address in (f"{tmp_path}/*.mkv", f"{tmp_path}/t*.mkv"):
        if len(local_files(address)) == 1:
            with open_source(address):
                continue
        with pytest.raises(StreamError, match=r"no photos in it, but .*one\.mkv, two\.mkv.*alone"):
            open_source(address)
