"""Backgrounds that visitors upload: photos, and everything that is none."""

from __future__ import annotations

import asyncio
import io
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

import aiohttp
import psutil

from stream.photo.formats.jpeg import num_scans
from stream.photo.formats.kinds import photo_header
from stream.photo.formats.png import without_extras
from stream.serve.site.limits import Limits, Refusal
from stream.serve.uploads import decode_photo, read_upload
from tests.users.serving import Client, Served, play, png, scene


def test_a_gigabyte_is_cut_off(here: Served) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1 << 14):
            sent += 1 << 16
            yield b"\x89PNG" + bytes((1 << 16) - 4)

    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            before = psutil.Process().memory_info().rss
            try:
                status, body = await client.upload(endless())
                assert status == 413
                assert "12 MB" in body["error"]
            except aiohttp.ClientError:
                pass  # cut off while still sending
            assert sent < 1 << 29
            assert psutil.Process().memory_info().rss - before < 150e6
            assert not here.server.visitors[client.id].uploading
            before_num = client.num_seen
            await client.until(lambda: client.num_seen > before_num + 5)
            announced = await raw_upload(client, 1 << 30)
            assert announced.startswith("HTTP/1.1 413")
            assert "12 MB" in announced

    async def raw_upload(client: Client, announced: int) -> str:
        """Announce so many bytes and send none of them."""
        reader, writer = await asyncio.open_connection("127.0.0.1", here.server.settings.port)
        writer.write(
            f"PUT /visits/{client.id}/background HTTP/1.1\r\nHost: localhost\r\n"
            f"Origin: http://localhost\r\nContent-Length: {announced}\r\n\r\n".encode()
        )
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer.decode()

    play(visit())


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def zipped() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("photo.png", png(np.zeros((4, 4, 3), np.uint8)))
    return archive.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def made_png(width: int, height: int, deflated: bytes, *extras: bytes) -> bytes:
    """A PNG whose header says this size, whatever it holds."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", deflated)
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extras) + pixels + chunk(b"IEND", b"")


BLACK = zlib.compress(b"\0" * 8 * 25)  # 8x8 pixels
FLAT = zlib.compress(bytes(1 << 26), 9)  # 64 MB


def with_scans(num: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    image = np.full((64, 64), 128, np.uint8)
    data = bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1])
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * (num - data.count(b"\xff\xda")) + data[-2:]


def animated_webp() -> bytes:
    still = bytes(cv2.imencode(".webp", np.zeros((8, 8, 3), np.uint8))[1])
    canvas = b"VP8X" + struct.pack("<IB3x", 10, 0x02) + bytes([7, 0, 0, 7, 0, 0])
    return b"RIFF" + struct.pack("<I", len(still) + 10) + b"WEBP" + canvas + still[12:]


def jpeg_start(width: int, height: int) -> bytes:
    """What a grey JPEG begins with whose header says this size."""
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", 2 + len(frame)) + frame


def webp_start(width: int, height: int) -> bytes:
    """What a lossless WebP begins with whose header says this size."""
    bits = struct.pack("<I", width - 1 | height - 1 << 14)
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8L" + struct.pack("<I", 10) + b"/" + bits


TABLE = b"\xff\xc4\x00\x02"  # of Huffman codes, with none in it

BAD_UPLOADS = {
    "svg": (SVG, 415, "PNG, JPEG or WebP"),
    "zip": (zipped(), 415, "PNG, JPEG or WebP"),
    "empty": (b"", 415, "PNG, JPEG or WebP"),
    "bmp": (bytes(cv2.imencode(".bmp", np.zeros((8, 8, 3), np.uint8))[1]), 415, "PNG, JPEG or"),
    "cut off": (png(np.zeros((64, 64, 3), np.uint8))[:40], 415, "damaged"),
    "jpeg start": (b"\xff\xd8\xff\xe0\x00\x10JFIF", 415, "PNG, JPEG or WebP"),
    "pixels": (made_png(60_000, 60_000, BLACK), 413, "million pixels"),
    "a line of pixels": (made_png(1, 60_000_000, BLACK), 413, "million pixels"),
    "no pixels": (made_png(0, 8, BLACK), 415, "PNG, JPEG or WebP"),
    "two sizes": (made_png(8, 8, BLACK, chunk(b"IHDR", bytes(13))), 415, "damaged"),
    "more than the picture": (made_png(8, 8, FLAT), 415, "damaged"),
    "a million pieces": (made_png(8, 8, BLACK, *[chunk(b"IDAT", b"")] * 100_000), 415, "damaged"),
    "animated PNG": (
        made_png(8, 8, BLACK, chunk(b"acTL", struct.pack(">II", 2, 0))),
        415,
        "an animation",
    ),
    "animated WebP": (animated_webp(), 415, "an animation"),
    "gif": (b"GIF89a" + struct.pack("<HH", 60_000, 60_000) + bytes(99), 415, "PNG, JPEG or"),
    "pixels of a JPEG": (jpeg_start(60_000, 60_000), 413, "million pixels"),
    "pixels of a WebP": (webp_start(16_384, 16_384), 413, "million pixels"),
    "no pixels in a PNG": (made_png(8, 8, b"no zlib"), 415, "damaged"),
    "tables before a size": (b"\xff\xd8" + TABLE * 1_000_000, 415, "PNG, JPEG or WebP"),
    "tables": (jpeg_start(8, 8) + TABLE * 1_000_000, 413, "scans"),
    "fill bytes": (b"\xff\xd8" + b"\xff" * 6_000_000 + b"\x00", 415, "PNG, JPEG or WebP"),
    "fill bytes in a scan": (
        jpeg_start(8, 8) + b"\xff\xda\x00\x02" + b"\xff" * 6_000_000 + b"\x00",
        415,
        "damaged",
    ),
    "scans": (with_scans(31), 413, "30 scans"),
    "a million scans": (with_scans(100_000), 413, "30 scans"),
}


@pytest.mark.parametrize("name", BAD_UPLOADS)
def test_a_background_is_a_photo(name: str) -> None:
    data, status, reason = BAD_UPLOADS[name]
    with pytest.raises(Refusal) as refused:
        decode_photo(data, Limits())
    assert refused.value.status == status
    assert reason in refused.value.reason


def test_svg_and_zip_over_the_wire(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            for data, kind in ((SVG, "image/png"), (zipped(), "image/jpeg")):
                status, body = await client.upload(data, **{"Content-Type": kind})
                assert (status, body["error"]) == (
                    415,
                    "a background must be a photo: PNG, JPEG or WebP",
                )
            assert here.server.visitors[client.id].masking.background is None
            stranger = client.id
            client.id = "someone-else"
            assert (await client.upload(png(np.zeros((4, 4, 3), np.uint8))))[0] == 404
            client.id = stranger

    play(visit())


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp"])
def test_sizes_are_read_before_decoding(ending: str) -> None:
    image = np.random.default_rng(3).integers(0, 255, (37, 53, 3)).astype(np.uint8)
    data = bytes(cv2.imencode(ending, image)[1])
    header = photo_header(data)
    assert header is not None
    assert (header.width, header.height) == (53, 37)
    assert decode_photo(data, Limits()).shape == (37, 53, 3)
    lossless = bytes(cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 101])[1])
    header = photo_header(lossless)
    assert header is not None
    assert (header.width, header.height) == (53, 37)
    with pytest.raises(Refusal, match="million"):
        decode_photo(data, Limits(max_upload_pixels=1000))


def test_scans_of_a_jpeg() -> None:
    for num in (11, 30):
        assert num_scans(with_scans(num), 30) == num
        assert decode_photo(with_scans(num), Limits()).shape == (64, 64, 3)
    assert num_scans(with_scans(5000), 30) == 31
    thumbnail = bytes(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1])
    plain = bytes(cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1])
    within = b"\xff\xe1" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail
    photo = plain[:2] + within + plain[2:] + thumbnail * 50  # some cameras append as well
    assert num_scans(photo, 30) == 1
    assert decode_photo(photo, Limits()).shape == (64, 64, 3)


def test_of_a_jpeg_with_several_pictures_the_first_one_is_taken() -> None:
    pictures = pytest.importorskip("PIL.Image")
    black, white = (pictures.new("RGB", (64, 48), colour) for colour in ("black", "white"))
    data = io.BytesIO()
    black.save(data, "MPO", save_all=True, append_images=[white])
    photo = decode_photo(data.getvalue(), Limits())
    assert photo.shape == (48, 64, 3)
    assert not photo.any()


def test_what_else_is_in_a_png_is_not_looked_at() -> None:
    """Texts and profiles, of which each would inflate to 64 MB."""
    texts = [chunk(b"zTXt", b"key\0\0" + FLAT), chunk(b"iCCP", b"key\0\0" + FLAT)]
    data = made_png(8, 8, BLACK, *texts)
    assert without_extras(data) == made_png(8, 8, BLACK)
    assert decode_photo(data, Limits()).shape == (8, 8, 3)
    many = made_png(8, 8, BLACK, *texts * 100)
    assert decode_photo(many, Limits()).shape == (8, 8, 3)


def test_large_photos_are_shrunk() -> None:
    photo = decode_photo(png(np.zeros((2000, 3000, 3), np.uint8)), Limits())
    assert photo.shape == (853, 1280, 3)


def test_uploads_are_counted_as_they_come() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 100

    limits = Limits(max_upload_bytes=1000)
    assert len(asyncio.run(read_upload(chunks(), None, limits))) == 1000
    with pytest.raises(Refusal):
        asyncio.run(read_upload(chunks(), 10, replace(limits, max_upload_bytes=999)))
