"""The page's server: what comes back, and what hostile visitors get."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import weakref
import zipfile
import zlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

import aiohttp
import aioice.ice
import psutil
from aiortc import RTCSessionDescription

import run
from segmentation.instances import Instances
from segmentation.segmenter import load
from stream.serve.limits import Limits, Rate, Refusal
from stream.serve.settings import Settings
from stream.serve.uploads import decode_photo, photo_header, read_upload
from stream.serve.webrtc import Decoder, Undecoded, checked_offer, vp8_size
from tests.folders import ROOT
from tests.serving import Client, Served, served

ROOM, PERSON = (20, 160, 40), (230, 60, 170)
SIZE_HW = (240, 320)


def scene(index: int, size_hw: tuple[int, int] = SIZE_HW) -> NDArray[np.uint8]:
    """A "person" that moves to and fro in front of a "room"."""
    image = np.full((*size_hw, 3), ROOM, np.uint8)
    left = 60 + abs(index * 2 % 100 - 50)
    image[60:180, left : left + 100] = PERSON
    return image


def near(image: NDArray[np.uint8], colour: tuple[int, ...]) -> NDArray[np.bool_]:
    return np.abs(image.astype(int) - colour).max(axis=2) < 50


class Finds:
    """`Segmenter` that sees what has the person's colour, and breaks when told to."""

    classes: tuple[str, ...] = ("person",)
    max_input: int | None = 320
    device = "nowhere"

    def __init__(self, name: str = "portrait") -> None:
        self.name = name
        self.broken = False

    def segment(self, images: NDArray[np.uint8]) -> list[Instances]:
        if self.broken:
            raise RuntimeError("the network broke")
        return [self._one(image) for image in images]

    def _one(self, image: NDArray[np.uint8]) -> Instances:
        mask = np.where(near(image, PERSON), 255, 0).astype(np.uint8)
        rows, columns = np.nonzero(mask)
        if not len(rows):
            return Instances.empty((image.shape[0], image.shape[1]))
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Instances(
            boxes=np.array([box], np.float32),
            scores=np.ones(1, np.float32),
            labels=np.zeros(1, np.int32),
            masks=mask[None],
            ids=np.full(1, -1, np.int32),
        )


@pytest.fixture
def finds() -> Finds:
    return Finds()


@pytest.fixture
def here(finds: Finds) -> Iterator[Served]:
    with served(finds) as running:
        yield running
    assert running.errors == []


def play(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def left(running: Served, num: int = 0, wait_s: float = 15.0) -> None:
    """Wait until so many visitors are there."""
    async with asyncio.timeout(wait_s):
        while len(running.server.visitors) > num:
            await asyncio.sleep(0.05)


def png(image: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", image[..., ::-1])[1])


# === What comes back ===


def test_video_comes_back_with_another_background(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            client.tell(effect="replace=#2020e0")
            await client.until(lambda: near(client.seen[-1], (32, 32, 224)).mean() > 0.7)
            image = client.seen[-1]
            assert image.shape == (*SIZE_HW, 3)
            assert near(image, PERSON).mean() == pytest.approx(120 * 100 / 240 / 320, abs=0.02)
            assert near(image, ROOM).mean() < 0.01
            client.tell(effect="none")
            await client.until(lambda: near(client.seen[-1], ROOM).mean() > 0.7)
            assert client.last("model") == "portrait"
            await client.until(lambda: (client.number("fps") or 0) > 5)
            numbers = client.last("numbers")
            assert numbers["kept"] == pytest.approx(0.156, abs=0.02)
            assert not numbers["covered"]
            assert 0 < numbers["latency_ms"] < 5_000

    play(visit())
    assert here.told[0] == "a visitor came (1 of 4)"


def test_changing_the_effect_loses_no_frame(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            visitor = here.server.visitors[client.id]
            await client.until(lambda: client.num_seen > 10)
            before = visitor.masking.stats.counts["no_mask"]
            for effect in ("grey", "blur=0.8", "mask", "overlay", "replace=#ffffff", "none") * 3:
                client.tell(effect=effect)
                await asyncio.sleep(0.1)
            await client.until(lambda: client.last("effect") == "none")
            assert client.last("refused") is None
            assert visitor.masking.stats.counts["no_mask"] == before
            passed = visitor.masking.stats.counts["processed"]
            numbers = visitor.numbers(1.0)
            # what is not shown was overtaken, or is in work
            assert visitor.num_received - passed - numbers["dropped"] <= 2

    play(visit())


def test_own_background(here: Served) -> None:
    photo = np.zeros((90, 120, 3), np.uint8)
    photo[:, :60], photo[:, 60:] = (250, 240, 20), (20, 220, 230)

    async def visit() -> None:
        async with Client(here.address, scene) as client, Client(here.address, scene) as other:
            await client.visit()
            client.tell(effect="replace=uploaded")
            await client.until(lambda: client.last("refused") is not None)
            assert client.last("refused") == "replace: upload a photo first"
            assert await client.upload(png(photo)) == (200, {"width": 120, "height": 90})
            client.tell(effect="replace=uploaded")
            await client.until(lambda: near(client.seen[-1][:, :50], (250, 240, 20)).mean() > 0.9)
            assert near(client.seen[-1][:, 270:], (20, 220, 230)).mean() > 0.9
            await other.visit()  # to whom it is not given
            other.tell(effect="replace=uploaded")
            await other.until(lambda: other.last("refused") is not None)
            visitor = here.server.visitors[client.id]
            kept = weakref.ref(visitor.masking.background)
            del visitor
            await client.session.delete(f"{here.address}/visits/{client.id}")
            await left(here, 1)
            async with asyncio.timeout(10):
                while gc.collect() >= 0 and kept() is not None:
                    await asyncio.sleep(0.1)

    play(visit())


def test_no_file_of_this_machine_is_a_background(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            wishes = ["replace=/etc/passwd", "replace=../docs/demo.jpg", "cutout", "blur=9", "?"]
            for wish in wishes:
                client.tell(effect=wish)
            client.tell(model="mask-rcnn")
            client.channel.send("{" * 1500)
            client.channel.send("[1]")
            client.channel.send(b"\xff\x00")
            await client.until(lambda: sum("refused" in told for told in client.heard) >= 9)
            assert len(here.server.visitors) == 1

    play(visit())


def test_two_visitors_have_states_of_their_own(here: Served) -> None:
    def other_scene(index: int) -> NDArray[np.uint8]:
        image = np.full((180, 240, 3), ROOM, np.uint8)
        image[20:100, 20:80] = PERSON
        return image

    async def visit() -> None:
        async with (
            Client(here.address, scene) as one,
            Client(here.address, other_scene) as two,
        ):
            await asyncio.gather(one.visit(), two.visit())
            one.tell(effect="replace=#2020e0")
            two.tell(effect="replace=#e0e020")
            await one.until(lambda: near(one.seen[-1], (32, 32, 224)).mean() > 0.7)
            await two.until(lambda: near(two.seen[-1], (224, 224, 32)).mean() > 0.7)
            assert one.seen[-1].shape == (*SIZE_HW, 3)
            assert two.seen[-1].shape == (180, 240, 3)
            assert near(two.seen[-1][25:95, 25:75], PERSON).all()
            both = [(client, client.num_seen) for client in (one, two)]
            await asyncio.sleep(1.5)
            nums = [client.num_seen - before for client, before in both]
            assert min(nums) > 0.5 * max(nums) > 0

    play(visit())


def test_a_network_that_fails_covers_the_picture(here: Served, finds: Finds) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            client.tell(effect="replace=#2020e0")
            await client.until(lambda: near(client.seen[-1], PERSON).any())
            finds.broken = True
            await client.until(lambda: near(client.seen[-1], (32, 32, 224)).all())
            await client.until(lambda: client.number("failure") == "the network broke")
            assert client.number("covered")
            finds.broken = False
            await client.until(lambda: near(client.seen[-1], PERSON).mean() > 0.1)
            await client.until(lambda: client.number("failure") is None)

    play(visit())


def test_a_slow_network_holds_up_no_frame() -> None:
    """One that takes long gets keyframes only; the frames between get masks that are moved."""
    slow = Finds("slow")
    segment = slow.segment

    def late(images: NDArray[np.uint8]) -> list[Instances]:
        time.sleep(0.4)
        return segment(images)

    slow.segment = late  # type: ignore[method-assign]

    async def visit(running: Served) -> None:
        async with Client(running.address, scene) as client:
            await client.visit()
            client.tell(effect="replace=#2020e0")
            await client.until(lambda: near(client.seen[-1], PERSON).mean() > 0.1)
            before = client.num_seen
            await asyncio.sleep(2.0)
            assert client.num_seen - before > 2.0 / 0.4 * 2
            client.tell(model="portrait")
            await client.until(lambda: client.last("model") == "portrait")
            await client.until(lambda: client.number("mask_age_ms") == 0)
            await client.until(lambda: near(client.seen[-1], PERSON).mean() > 0.1)

    with served(slow, Finds()) as running:
        play(visit(running))


def test_a_picture_that_changes_its_size(here: Served) -> None:
    def grows(index: int) -> NDArray[np.uint8]:
        return scene(index, (240, 320) if index < 30 else (202, 271))

    async def visit() -> None:
        async with Client(here.address, grows) as client:
            await client.visit()
            client.tell(effect="replace=#2020e0")
            await client.until(lambda: client.seen[-1].shape == (202, 270, 3))
            await client.until(lambda: near(client.seen[-1], PERSON).mean() > 0.15)

    play(visit())


# === Hostile visitors ===


@pytest.fixture
def guarded(finds: Finds) -> Iterator[Served]:
    """A server that others could reach, so that it wants a token."""
    with served(finds, settings=Settings(port=0, is_loopback=False, token="s3cret")) as running:
        yield running


@pytest.mark.parametrize(
    ("query", "headers", "status", "reason"),
    [
        ("", {}, 401, "the token is missing"),
        ("?token=wrong", {}, 403, "the token is wrong"),
        ("?token=s3cre", {}, 403, "the token is wrong"),
        ("?token=s3cret\udcff", {}, 403, "the token is wrong"),
        ("", {"Cookie": "maskcast_PORT=wrong"}, 403, "the token is wrong"),
        ("?token=s3cret", {"Origin": "http://evil.example"}, 403, "another page"),
        ("?token=s3cret", {"Origin": "null"}, 403, "another page"),
    ],
)
def test_without_the_token_nothing_is_told(
    guarded: Served, query: str, headers: dict[str, str], status: int, reason: str
) -> None:
    port = str(guarded.server.settings.port)
    headers = {name: value.replace("PORT", port) for name, value in headers.items()}

    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            for path in ("/", "/page.js", "/settings", "/nothing"):
                address = guarded.address + path + query.replace("\udcff", "%FF")
                async with session.get(address, headers=headers) as response:
                    assert response.status == status
                    assert reason in (await response.json())["error"]
                    assert "Set-Cookie" not in response.headers

    play(ask())


def test_the_token_is_kept_where_scripts_do_not_see_it(guarded: Served) -> None:
    async def ask() -> None:
        jar = aiohttp.CookieJar(unsafe=True)  # of an address without a name
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            async with session.get(guarded.address + "/?token=s3cret") as response:
                assert response.status == 200
                assert "HttpOnly" in response.headers["Set-Cookie"]
                assert "SameSite=Strict" in response.headers["Set-Cookie"]
                policy = response.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert "s3cret" not in await response.text()
            async with session.get(guarded.address + "/page.js") as response:
                assert response.status == 200

    play(ask())


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "does not say which page"),
        ({"Origin": "http://evil.example"}, "another page"),
        ({"Host": "evil.example"}, "localhost only"),  # a name that was made to point here
        ({"Host": "127.0.0.1.evil.example:80", "Origin": "http://x"}, "localhost only"),
    ],
)
def test_other_pages_may_not_use_this_one(
    here: Served, headers: dict[str, str], reason: str
) -> None:
    async def ask() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{here.address}/visits", json={"sdp": ""}, headers=headers) as response,
        ):
            assert response.status == 403
            assert reason in (await response.json())["error"]

    play(ask())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (b'{"sdp": 3}', 400),
        (b'{"sdp": ""}', 400),
        (b'{"sdp": "v=0\\r\\nm=video 9 UDP/TLS/RTP/SAVPF 96\\r\\nm=audio 9 X 1"}', 400),
        (b'{"sdp": "' + b"a" * 70_000 + b'"}', 413),
    ],
)
def test_offers_that_are_none(here: Served, body: bytes, status: int) -> None:
    async def ask() -> None:
        async with (
            aiohttp.ClientSession(headers={"Origin": here.address}) as session,
            session.post(f"{here.address}/visits", data=body) as response,
        ):
            assert response.status == status
            assert "offer" in (await response.json())["error"]
        assert here.server.visitors == {}

    play(ask())


def test_an_offer_sends_nothing_to_third_parties() -> None:
    async def offer() -> str:
        client = Client("http://127.0.0.1", scene)
        sdp = await client.offer()
        await client.peer.close()
        return sdp

    sdp = asyncio.run(offer())
    victim = "a=candidate:1 1 udp 2130706431 203.0.113.7 53 typ host"
    hidden = "a=candidate:2 1 udp 2130706431 0f2c.local 5000 typ host"
    sdp = sdp.replace("a=end-of-candidates", f"{victim}\r\n{hidden}\r\na=end-of-candidates")
    assert "203.0.113.7" in sdp
    assert "candidate" not in checked_offer(sdp, keep_candidates=False)
    with_stun = checked_offer(sdp, keep_candidates=True)
    assert "203.0.113.7" in with_stun
    assert ".local" not in with_stun


def test_frames_that_are_too_large(finds: Finds) -> None:
    limits = Limits(max_pixels=320 * 240)

    def giant(index: int) -> NDArray[np.uint8]:
        return scene(index, (480, 640))

    async def visit(running: Served) -> None:
        async with Client(running.address, scene) as good, Client(running.address, giant) as bad:
            await good.visit()
            sdp = await bad.offer()
            async with bad.session.post(f"{running.address}/visits", json={"sdp": sdp}) as response:
                answer = await response.json()
            await bad.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
            await bad.until(lambda: bad.last("ended") is not None)
            assert bad.last("ended") == "frames of 640x480 are too large; 76800 pixels are allowed"
            assert bad.num_seen == 0
            await left(running, 1)
            before = good.num_seen
            await good.until(lambda: good.num_seen > before + 5)

    with served(finds, settings=Settings(port=0, limits=limits)) as running:
        play(visit(running))


def test_no_memory_is_taken_for_a_giant_frame() -> None:
    """A VP8 key frame of a few bytes may claim 16383x16383 pixels."""
    from aiortc.jitterbuffer import JitterFrame

    claims = b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383) + b"\x00" * 20
    assert vp8_size(claims) == (16383, 16383)
    decoder = Decoder(Limits())
    before = psutil.Process().memory_info().rss
    (refused,) = decoder.decode(JitterFrame(claims, 0))
    assert isinstance(refused, Undecoded)
    assert decoder.decode(JitterFrame(claims, 1)) == []
    assert psutil.Process().memory_info().rss - before < 20e6
    flood = Decoder(Limits(max_fps=3))
    tiny = b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", 5000, 5000)
    assert isinstance(flood.decode(JitterFrame(tiny, 0))[0], Undecoded)


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


def test_fifty_visitors_at_once(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as good:
            await good.visit()
            others = [Client(here.address, scene) for _ in range(50)]
            offer = await others[0].offer()

            async def knock() -> tuple[int, str]:
                async with (
                    aiohttp.ClientSession(headers=good.headers) as session,
                    session.post(f"{here.address}/visits", json={"sdp": offer}) as response,
                ):
                    return response.status, (await response.json()).get("error", "")

            answers = await asyncio.gather(*(knock() for _ in others))
            statuses = [status for status, _ in answers]
            assert statuses.count(201) == 3
            assert statuses.count(503) + statuses.count(429) == 47
            assert all("places are taken" in text for status, text in answers if status == 503)
            assert all("too many attempts" in text for status, text in answers if status == 429)
            before = good.num_seen
            await good.until(lambda: good.num_seen > before + 10)
            await asyncio.gather(*(other.peer.close() for other in others))

    play(visit())


def test_connections_that_say_nothing(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.serve.listener.MAX_SILENCE_S", 1.0)
    address = ("127.0.0.1", here.server.settings.port)
    silent = [socket.create_connection(address) for _ in range(80)]
    for one in silent[:40]:
        one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    for one in silent:  # those above the limit at once, the others after the silence
        one.settimeout(8)
        try:
            assert one.recv(1) == b""
        except ConnectionResetError:
            pass
        one.close()

    async def ask() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.get(here.address + "/") as response,
        ):
            assert response.status == 200

    play(ask())


def test_a_visitor_who_vanishes_leaves_nothing(finds: Finds) -> None:
    limits = Limits(idle_s=1.0, max_connect_s=2.0)

    async def visit(running: Served) -> None:
        async with Client(running.address, scene) as good:
            await good.visit()
            before = len(threading.enumerate())
            sockets = len(psutil.Process().net_connections("udp"))
            vanishing = Client(running.address, scene)
            await vanishing.__aenter__()
            await vanishing.visit()
            gone = weakref.ref(running.server.visitors[vanishing.id])
            vanishing.camera.stop()  # silence, and no goodbye
            for task in vanishing._tasks:
                task.cancel()
            await left(running, 1)
            assert "no video for 1 seconds" in running.told[-1]
            never = Client(running.address, scene)  # one that offers and does not come
            await never.__aenter__()
            sdp = await never.offer()
            async with never.session.post(
                f"{running.address}/visits", json={"sdp": sdp}
            ) as response:
                assert response.status == 201
            await left(running, 1)
            assert "no video arrived" in running.told[-1]
            await vanishing.__aexit__()
            await never.__aexit__()
            async with asyncio.timeout(20):
                while (
                    len(psutil.Process().net_connections("udp")) > sockets
                    or len(threading.enumerate()) > before + 3  # encoders' threads are kept
                    or gone() is not None
                ):
                    gc.collect()
                    await asyncio.sleep(0.1)
            seen = good.num_seen
            await good.until(lambda: good.num_seen > seen + 5)

    with served(finds, settings=Settings(port=0, limits=limits)) as running:
        play(visit(running))
    assert running.errors == []


def test_too_many_messages(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            for num in range(200):
                client.tell(ping=num)
            await client.until(lambda: client.last("ended") is not None)
            assert "too many messages" in client.last("ended")
            await left(here)

    play(visit())


def test_more_data_than_a_video_has(finds: Finds) -> None:
    async def visit(running: Served) -> None:
        async with Client(running.address, scene) as client:
            await client.visit()
            await client.until(lambda: client.last("ended") is not None)
            assert "more data than a video" in client.last("ended")

    limits = Limits(max_media_bytes_s=2_000)
    with served(finds, settings=Settings(port=0, limits=limits)) as running:
        play(visit(running))


def test_one_data_channel_only(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            client.peer.createDataChannel("another")
            await client.until(lambda: client.last("ended") is not None)
            assert "one data channel" in client.last("ended")

    play(visit())


def test_media_comes_from_this_machine_only(here: Served) -> None:
    heard: list[tuple[str, int]] = []

    class Receiver:
        def data_received(self, data: bytes, component: int) -> None:
            heard.append((data.decode(), component))

    async def receive() -> None:
        protocol = aioice.ice.StunProtocol(Receiver())  # type: ignore[arg-type]
        protocol.local_candidate = SimpleNamespace(component=1)  # type: ignore[assignment]
        protocol.datagram_received(b"from here", ("127.0.0.1", 5))
        protocol.datagram_received(b"from elsewhere", ("203.0.113.7", 5))

    play(receive())
    assert heard == [("from here", 1)]
    assert aioice.ice.get_host_addresses(True, False)[0] == "127.0.0.1"


def test_vp8_is_the_only_codec(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            codecs = re.compile(r"a=rtpmap:\d+ (\w+)/")
            assert "H264" in codecs.findall(client.peer.localDescription.sdp)
            assert set(codecs.findall(client.peer.remoteDescription.sdp)) == {"VP8", "rtx"}

    play(visit())


def test_media_is_received_where_the_page_is(finds: Finds) -> None:
    async def visit(running: Served) -> None:
        async with Client(running.address, scene) as client:
            await client.visit()
            answer = client.peer.remoteDescription.sdp
            addresses = re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+)", answer)
            assert set(addresses) == {"127.0.0.1"}

    # an address of its own, as another than loopback would be
    with served(finds, settings=Settings(port=0, is_loopback=False)) as running:
        play(visit(running))


def test_rates_forget() -> None:
    now = 0.0
    rate = Rate(2, 10.0, lambda: now)
    assert [rate.allows("a"), rate.allows("a"), rate.allows("a")] == [True, True, False]
    assert rate.allows("b")
    now = 11.0
    assert rate.allows("a")
    assert set(rate._times) == {"a"}


# === The command ===


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--host", "0.0.0.0"], "needs TLS: --tls-cert FILE --tls-key FILE, or --self-signed"),
        (["--host", "192.0.2.7", "--tls-cert", "a.pem"], "--tls-key belong together"),
        (["--keep", "#3"], "each visitor has ids of his own"),
        (["--self-signed", "--tls-cert", "a.pem", "--tls-key", "b.pem"], "not both"),
    ],
)
def test_commands_that_are_refused(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["serve", *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_certificates_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for content in (None, "no certificate"):
        path = tmp_path / "certificate.pem"
        if content is not None:
            path.write_text(content)
        arguments = ["--host", "0.0.0.0", "--tls-cert", str(path), "--tls-key", str(path)]
        assert run.main(["serve", *arguments]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: --tls-cert {path}")


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = [sys.executable, "run.py", "serve", "--port", str(port)]
        done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"error: serve: cannot listen on 127.0.0.1, port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_from_the_network_with_token_and_tls_until_ctrl_c() -> None:
    program = [sys.executable, "run.py", "serve", "--host", "0.0.0.0", "--port", "0"]
    with subprocess.Popen(
        [*program, "--self-signed"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = []
        while not (lines and "/?token=" in lines[-1]):
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        (fingerprint,) = re.findall("SHA-256 ([0-9A-F:]+)", "".join(lines))
        port, token = re.findall(r":(\d+)/\?token=(\S+)", lines[-1])[0]
        trusted = aiohttp.Fingerprint(bytes.fromhex(fingerprint.replace(":", "")))

        async def ask() -> None:
            async with aiohttp.ClientSession() as session:
                address = f"https://127.0.0.1:{port}/"
                async with session.get(address, ssl=trusted) as response:
                    assert response.status == 401
                async with session.get(f"{address}?token={token}", ssl=trusted) as response:
                    assert response.status == 200
                    assert "Secure" in response.headers["Set-Cookie"]
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await session.get(address, ssl=ssl.create_default_context())

        play(ask())
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(15) == 130
    assert rest.splitlines()[-1] == "ended"
    assert "Traceback" not in rest
    assert "warning" not in rest


def test_a_real_frame_with_the_real_network(shared_data: Path) -> None:
    clip = cv2.VideoCapture(str(shared_data / "clips" / "webcam_asl_book.mkv"))
    frame = np.ascontiguousarray(clip.read()[1][..., ::-1])

    async def visit(running: Served) -> None:
        async with Client(running.address, lambda index: frame) as client:
            await client.visit()
            client.tell(effect="replace=#00ff00")
            await client.until(lambda: near(client.seen[-1], (0, 255, 0)).mean() > 0.5)
            await asyncio.sleep(1)
            image = client.seen[-1]
            same = np.abs(image.astype(int) - frame).max(axis=2) < 40
            assert same[100:400, 265:325].mean() > 0.97  # head and chest
            assert same[:80].mean() < 0.02  # the room
            assert near(image, (0, 255, 0))[:, 480:].mean() > 0.98

    with served(load("portrait")) as running:
        play(visit(running))


def test_settings_say_what_there_is(here: Served) -> None:
    async def ask() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.get(here.address + "/settings") as response,
        ):
            settings = json.loads(await response.text())
        assert settings["models"] == ["portrait"]
        assert settings["stun"] is None
        assert "cutout" not in settings["effects"]

    play(ask())
