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

from stream.serve.limits import Limits, Refusal
from stream.serve.uploads import decode_photo, photo_header, read_upload
from tests.serving import Client, Served, play, png, scene


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


def claiming_png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        data += struct.pack(">I", len(body)) + name + body
        data += struct.pack(">I", zlib.crc32(name + body))
    return data


BAD_UPLOADS = {
    "svg": (SVG, 415, "PNG, JPEG or WebP"),
    "zip": (zipped(), 415, "PNG, JPEG or WebP"),
    "empty": (b"", 415, "PNG, JPEG or WebP"),
    "bmp": (bytes(cv2.imencode(".bmp", np.zeros((8, 8, 3), np.uint8))[1]), 415, "PNG, JPEG or"),
    "cut off": (png(np.zeros((64, 64, 3), np.uint8))[:40], 415, "damaged"),
    "jpeg start": (b"\xff\xd8\xff\xe0\x00\x10JFIF", 415, "PNG, JPEG or WebP"),
    "bomb": (claiming_png(60_000, 60_000), 413, "million pixels"),
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
