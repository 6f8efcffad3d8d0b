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


UNREAD = {
    "a.dng": (b"II*\0" + bytes(60), "a camera's raw photo"),
    "b.NEF": (b"MM\0*" + bytes(60), "a camera's raw photo"),
    "c.cr3": (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a camera's raw photo"),
    "d.psd": (b"8BPS\0\1" + bytes(60), "a Photoshop document"),
    "e.svg": (b"<?xml version='1.0'?><svg/>", "an SVG drawing"),
    "f.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 photo"),
    "g.ppm": (b"P6\n1 1\n255\nabc", "a PNM picture"),
    "h.ico": (b"\0\0\1\0\1\0", "an icon"),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_picture_of_a_kind_that_is_not_read_is_refused_by_name(tmp_path, name):
    data, what = UNREAD[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(StreamError, match=rf"{name}: is {what}, which cannot be read; save it as"):
        open_source(str(path))


def test_a_document_with_a_photo_in_it_is_no_photo(tmp_path):
    image = pytest.importorskip("PIL.Image")
    document = tmp_path / "a.pdf"
    image.fromarray(person()).save(document)
    cv2.imwrite(str(tmp_path / "a.png"), person())
    with pytest.raises(StreamError, match="is a PDF document, which cannot be read"):
        open_source(str(document))
    with pytest.raises(StreamError, match="is a PDF document, which cannot be read"):
        through(tmp_path / "a.png", tmp_path / "out.png", f"replace={document}")
    told: list[str] = []
    with open_source(str(tmp_path), on_message=told.append) as source:
        assert len(list(source)) == 1
    assert told == [f"{tmp_path}: passed over 1 of 2, no photos: a.pdf"]


def test_raw_photos_beside_their_jpegs_are_passed_over(tmp_path):
    """Their first picture, which a reader of TIFF finds, is a preview."""
    image = pytest.importorskip("PIL.Image")
    for name in ("a.jpg", "b.tif"):
        image.fromarray(person()).save(tmp_path / name)
    (tmp_path / "a.cr2").write_bytes((tmp_path / "b.tif").read_bytes())
    told: list[str] = []
    with open_source(str(tmp_path), on_message=told.append) as source:
        assert [frame.name for frame in source] == ["a.jpg", "b.tif"]
    assert told == [f"{tmp_path}: passed over 1 of 3, no photos: a.cr2"]


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
