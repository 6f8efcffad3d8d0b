"""The process that decodes photos: its limits, its end, and whose turn it is."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import psutil
import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

from stream.serve import photo_process
from stream.serve.photo_process import PhotoProcess
from stream.serve.site.limits import Limits, Refusal
from stream.serve.site.settings import Settings
from tests.folders import ROOT
from tests.users.serving import Client, Finds, Served, play, png, scene, served

LIMITS = Limits()
PHOTO = png(np.full((30, 40, 3), (250, 120, 10), np.uint8))


def interlaced(side: int) -> bytes:
    """A PNG of less than a megabyte that takes seconds, in seven passes of 64 bits for each pixel.

    Rows that are compressed without looking back are the same bytes again and again; the sum at
    the end (RFC 1950, Adler-32) is that of zeros.
    """

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    rows, times = bytes(4 * (1 + 8 * side)), side // 2
    deflate = zlib.compressobj(9)
    first, another = (deflate.compress(rows) + deflate.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    end = deflate.flush()[:-4] + struct.pack(">I", len(rows) * times % 65521 << 16 | 1)
    pixels = first + another * (times - 1) + end
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 1)
    body = chunk(b"IDAT", pixels)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


SLOW = interlaced(7000)


@asynccontextmanager
async def started(limits: Limits = LIMITS) -> AsyncIterator[PhotoProcess]:
    photos = PhotoProcess(limits)
    await photos.start()
    try:
        yield photos
    finally:
        await photos.close()


def test_one_process_for_all_photos() -> None:
    async def decode() -> None:
        async with started() as photos:
            pid = photos.pid
            for _ in range(3):
                photo = await photos.decode(PHOTO, "a")
                assert photo.shape == (30, 40, 3)
                assert (photo == (250, 120, 10)).all()
            with pytest.raises(Refusal, match="must be a photo") as refused:
                await photos.decode(b"none", "a")
            assert refused.value.status == 415
            assert photos.pid == pid
        assert pid is not None
        assert not psutil.pid_exists(pid)
        with pytest.raises(Refusal, match="being stopped"):
            await photos.decode(PHOTO, "a")

    play(decode())


def test_a_photo_that_takes_too_long() -> None:
    """Too much processor time, and others are decoded after it."""

    async def decode() -> None:
        limits = replace(LIMITS, max_decode_s=1, max_decode_minute_s=1000)
        async with started(limits) as photos:
            pid = photos.pid
            with pytest.raises(Refusal, match="takes too long to decode") as refused:
                await photos.decode(SLOW, "a")
            assert refused.value.status == 413
            assert photos.pid != pid
            assert (await photos.decode(PHOTO, "a")).shape == (30, 40, 3)

    play(decode())


def test_a_photo_that_takes_too_much_memory() -> None:
    async def decode() -> None:
        limits = replace(LIMITS, max_decode_bytes=200_000_000, max_decode_minute_s=1000)
        big = png(np.zeros((7000, 7000, 3), np.uint8))  # 150 MB, twice
        async with started(limits) as photos:
            with pytest.raises(Refusal):
                await photos.decode(big, "a")
            assert (await photos.decode(PHOTO, "a")).shape == (30, 40, 3)

    play(decode())


def test_a_photo_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has stopped answering, whatever the reason."""
    monkeypatch.setattr(photo_process, "MAX_WAIT_S", 1.0)

    async def decode() -> None:
        async with started(replace(LIMITS, max_decode_minute_s=1000)) as photos:
            assert photos.pid is not None
            os.kill(photos.pid, signal.SIGSTOP)
            with pytest.raises(Refusal, match="takes too long"):
                await photos.decode(PHOTO, "a")
            monkeypatch.setattr(photo_process, "MAX_WAIT_S", 60.0)
            assert (await photos.decode(PHOTO, "a")).shape == (30, 40, 3)

    play(decode())


def test_a_process_that_was_killed() -> None:
    async def decode() -> None:
        async with started() as photos:
            assert photos.pid is not None
            os.kill(photos.pid, signal.SIGKILL)
            for _ in range(2):  # it may be found out by the first one only
                try:
                    assert (await photos.decode(PHOTO, "a")).shape == (30, 40, 3)
                except Refusal:
                    continue
                break
            assert (await photos.decode(PHOTO, "a")).shape == (30, 40, 3)

    play(decode())


def test_whoever_waits_no_more_leaves_no_answer_behind() -> None:
    async def decode() -> None:
        async with started() as photos:
            waiting = asyncio.ensure_future(photos.decode(SLOW, "a"))
            await asyncio.sleep(1.0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert (await photos.decode(PHOTO, "b")).shape == (30, 40, 3)

    play(decode())


def test_time_of_an_address() -> None:
    """Who has had all of it waits; others do not."""

    async def decode() -> None:
        async with started(replace(LIMITS, max_decode_s=1, max_decode_minute_s=0.5)) as photos:
            with pytest.raises(Refusal, match="takes too long"):
                await photos.decode(SLOW, "a")
            with pytest.raises(Refusal, match="wait a minute") as refused:
                await photos.decode(PHOTO, "a")
            assert refused.value.status == 429
            assert (await photos.decode(PHOTO, "b")).shape == (30, 40, 3)

    play(decode())


def test_it_ends_with_whoever_has_started_it() -> None:
    """Killed without a warning, while it decodes."""
    program = (
        "import asyncio, sys\n"
        "from stream.serve.site.limits import Limits\n"
        "from stream.serve.photo_process import PhotoProcess\n"
        "async def main():\n"
        "    photos = PhotoProcess(Limits())\n"
        "    await photos.start()\n"
        "    print(photos.pid, flush=True)\n"
        "    await photos.decode(sys.stdin.buffer.read(), 'a')\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        process.stdin.write(SLOW)
        process.stdin.close()
        time.sleep(1.0)
        process.kill()
    child.wait(60)


def test_visitors_go_on_while_a_photo_is_decoded(finds: Finds) -> None:
    """Two of them upload what takes as long as it may; the pictures of the third do not wait."""

    async def visit(running: Served) -> None:
        async with (
            Client(running.address, scene) as good,
            Client(running.address, scene, local_address="127.0.0.2") as one,
            Client(running.address, scene, local_address="127.0.0.3") as two,
        ):
            for client in (good, one, two):
                await client.visit()
            uploads = [asyncio.ensure_future(client.upload(SLOW)) for client in (one, two)]
            before = good.num_seen
            await good.until(lambda: good.num_seen > before + 20)
            assert await good.upload(PHOTO) == (200, {"width": 40, "height": 30})
            assert [(await upload)[0] for upload in uploads] == [413, 413]
            assert len(running.server.visitors) == 3

    limits = Limits(max_decode_s=1)
    with served(finds, settings=replace(Settings(port=0), limits=limits)) as running:
        play(visit(running))
    assert running.errors == []
