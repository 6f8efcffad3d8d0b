"""Photos that are damaged or cut off: what can be read of them is written, and told."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from segmentation.data.parts.dataset import decoded
from segmentation.errors import PictureError
from stream.errors import StreamError
from stream.files.photos import open_photo, read_photo
from stream.photo.formats.png import completed
from stream.sources.photos import Photos
from tests.inputs.photo_files import png, with_chunk
from tests.memory import peak

TOLD = "is damaged or cut off; what can be read of it is there, the rest is plain"


def _image() -> np.ndarray:
    y, x = np.mgrid[:96, :128]
    return np.dstack([x * 2, y * 2, (x + y)]).astype(np.uint8)


def _jpeg(*flags: int) -> bytes:
    return cv2.imencode(".jpg", _image()[..., ::-1], flags)[1].tobytes()


def _tiles(image: np.ndarray) -> np.ndarray:
    return image.reshape(12, 8, 16, 8, 3).mean((1, 3))


def _read(path: Path, data: bytes) -> tuple[np.ndarray, list[str], int]:
    """Return the picture of a file, what was told, and how many are left out."""
    path.write_bytes(data)
    told: list[str] = []
    with Photos([path], on_message=told.append) as source:
        (frame,) = source
        return frame.image, told, source.num_left_out


@pytest.mark.parametrize("missing", [1, 2, 10])
@pytest.mark.parametrize("flags", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
def test_a_jpeg_without_its_end_is_read(tmp_path, capfd, flags, missing):
    path = tmp_path / "photo.jpg"
    image, told, num_left_out = _read(path, _jpeg(*flags)[:-missing])
    assert np.abs(_tiles(image)[:9] - _tiles(_image())[:9]).max() < 8
    assert (told, num_left_out) == ([f"{path}: {TOLD}"], 1)
    assert capfd.readouterr().err == ""


def test_of_half_a_jpeg_its_half_is_there(tmp_path, capfd):
    data = _jpeg()
    image, told, num_left_out = _read(tmp_path / "photo.jpg", data[: len(data) * 3 // 4])
    assert np.abs(_tiles(image)[:5] - _tiles(_image())[:5]).max() < 8
    assert (len(told), num_left_out) == (1, 1)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("flags", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
def test_a_jpeg_damaged_in_the_middle_is_told_and_no_line_of_a_library(tmp_path, capfd, flags):
    path, data = tmp_path / "photo.jpg", bytearray(_jpeg(*flags))
    place = len(data) * 3 // 4
    data[place : place + 20] = b"\xff\0" * 10
    image, told, num_left_out = _read(path, bytes(data))
    assert np.abs(_tiles(image)[:6] - _tiles(_image())[:6]).max() < 8
    assert (told, num_left_out) == ([f"{path}: is damaged; what can be read of it is there"], 1)
    assert capfd.readouterr().err == ""


def test_what_follows_the_picture_of_a_jpeg_is_no_damage(tmp_path, capfd):
    data = _jpeg()
    image, told, num_left_out = _read(tmp_path / "a.jpg", data[:-2] + b"\xffabc" * 9 + data[-2:])
    assert np.abs(_tiles(image) - _tiles(_image())).max() < 8
    assert (told, num_left_out) == ([], 0)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["rgb", "grey", "16 bits", "passes"])
def test_of_half_a_png_its_half_is_there(tmp_path, capfd, kind):
    image = _image()
    data = {
        "rgb": lambda: png(image),
        "grey": lambda: png(image[..., 0]),
        "16 bits": lambda: png(image.astype(np.uint16) * 257),
        "passes": lambda: _in_passes(image),
    }[kind]()
    read, told, num_left_out = _read(tmp_path / "photo.png", data[: len(data) * 3 // 4])
    # the first rows, or all of the first passes, which lie four rows apart
    there = np.s_[:96:4, ::4] if kind == "passes" else np.s_[:40]
    expected = image if kind != "grey" else np.repeat(image[..., :1], 3, 2)
    assert (read[there] == expected[there]).all()
    assert (told[-1:], num_left_out) == ([f"{tmp_path / 'photo.png'}: {TOLD}"], 1)
    assert capfd.readouterr().err == ""


def test_of_a_png_damaged_in_the_middle_the_first_rows_are_there(tmp_path, capfd):
    data = bytearray(png(_image()))
    data[len(data) * 3 // 4] ^= 0xFF
    read, told, num_left_out = _read(tmp_path / "photo.png", bytes(data))
    assert (read[:40] == _image()[:40]).all()
    assert (len(told), num_left_out) == (1, 1)
    assert capfd.readouterr().err == ""


def _in_passes(image: np.ndarray) -> bytes:
    """Return an interlaced PNG of (H, W, 3)."""
    rows = b""
    for x, y, dx, dy in (
        *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
        *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
    ):
        rows += b"".join(b"\0" + row.tobytes() for row in image[y::dy, x::dx])
    height, width = image.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize(
    "chunk",
    [
        *((b"iCCP", b"x\0\0bad"), (b"gAMA", b"\0"), (b"eXIf", b"xx"), (b"tEXt", b"")),
        *((b"pHYs", b"\0"), (b"tRNS", b"\0" * 9), (b"cHRM", b"")),
    ],
)
def test_what_is_damaged_beside_the_picture_of_a_png_is_no_line_of_a_library(
    tmp_path, capfd, chunk
):
    path = tmp_path / "photo.png"
    path.write_bytes(with_chunk(png(_image()), *chunk))
    assert (open_photo(path).image == _image()).all()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("data", [_jpeg()[:100], png(_image())[:40], png(_image())[:60]])
def test_what_breaks_off_before_its_picture_is_refused(tmp_path, capfd, data):
    path = tmp_path / "photo"
    path.write_bytes(data)
    with pytest.raises(StreamError, match="is it whole"):
        read_photo(path)
    assert capfd.readouterr().err == ""


def test_a_small_file_cannot_claim_a_huge_picture():
    rows = _chunk(b"IDAT", zlib.compress(bytes(90_001)))
    start = b"\x89PNG\r\n\x1a\n"
    for side, is_read in ((300, True), (30_000, False)):
        header = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        assert (completed(start + header + rows) is not None) == is_read


def _flat_tiff(side: int) -> bytes:
    """A file that says it is a grey picture of that many pixels a side, in one strip of zeros."""
    entries = [
        (256, 4, side),  # width
        (257, 4, side),  # height
        (258, 3, 8),  # bits
        (259, 3, 8),  # Deflate
        (262, 3, 1),  # black is zero
        (273, 4, 8 + 2 + 12 * 9 + 4),  # where the strip is
        (277, 3, 1),  # channels
        (278, 4, side),  # rows a strip
        (279, 4, 2000),  # bytes of the strip
    ]
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    strip = zlib.compress(bytes(1_000_000))[:2000].ljust(2000, b"\0")
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + table + bytes(4) + strip


def _flat_webp() -> bytes:
    """The largest WebP there can be, without loss and of one colour."""
    whole = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(whole, "WEBP", lossless=True)
    data = bytearray(whole.getvalue())
    start = data.index(b"VP8L") + 9  # 14 bits of width - 1, 14 of height - 1, 4 more
    (bits,) = struct.unpack_from("<I", data, start)
    struct.pack_into("<I", data, start, bits & 0xF0000000 | 16382 | 16382 << 14)
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "side"),
    [("a.tif", _flat_tiff(30_000), 30_000), ("a.webp", _flat_webp(), 16383)],
)
def test_a_small_file_that_claims_gigabytes_is_refused(tmp_path, name, data, side):
    path = tmp_path / name
    path.write_bytes(data)
    line = f"{path}: is {side}x{side}, far more than a photo of {len(data)} bytes has"
    told, most = peak(lambda: _refusal(path))
    assert told == line
    assert most < 20_000_000
    with pytest.raises(PictureError, match=re.escape(line)):
        decoded(path, cv2.IMREAD_COLOR)


def _refusal(path: Path) -> str:
    with pytest.raises(StreamError) as caught:
        open_photo(path)
    return str(caught.value)


def test_a_plain_picture_of_fifty_million_pixels_is_a_photo(tmp_path):
    path = tmp_path / "plain.png"
    cv2.imwrite(str(path), np.zeros((5000, 10000), np.uint8))
    assert path.stat().st_size < 200_000
    assert open_photo(path).image.shape == (5000, 10000, 3)


def _is_whole(data: bytes) -> bool:
    try:
        with PIL.Image.open(io.BytesIO(data)) as picture:
            picture.load()
    except OSError:
        return False
    return True


def test_a_damaged_webp_is_told(tmp_path):
    blocks = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    whole = io.BytesIO()
    PIL.Image.fromarray(blocks.repeat(8, axis=0).repeat(8, axis=1)).save(whole, "webp")
    path, num_told = tmp_path / "photo.webp", 0
    for at in range(40, len(whole.getvalue()), 12):  # some bytes twice
        data = whole.getvalue()[:at] + whole.getvalue()[at - 7 :]
        try:
            _, told, num_left_out = _read(path, data)
        except StreamError:
            continue
        assert num_left_out == len(told) == int(not _is_whole(data)), at
        num_told += num_left_out
    assert num_told


def test_each_damaged_photo_of_a_folder_is_named(tmp_path):
    """Of what holds for more than a few the others are counted."""
    paths = [tmp_path / f"{index}.jpg" for index in range(23)]
    for path in paths:
        path.write_bytes(_jpeg()[:-10])
    told: list[str] = []
    with Photos(paths, on_message=told.append) as source:
        assert len(list(source)) == source.num_left_out == 23
    assert told == [*(f"{path}: {TOLD}" for path in paths[:20]), f"3 more photos: {TOLD}"]
