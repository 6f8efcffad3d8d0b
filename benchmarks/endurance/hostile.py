"""The page beside visitors who behave badly: what they cost, and whom.

python -m benchmarks.endurance.hostile [--hostile 60] [--addresses 20] [--seconds 20] [--rounds 2]
python -m benchmarks.endurance.hostile --only flood --hostile 6

Two visitors count the frames that come back, 640x480 at 30 a second, without a browser, from a
process of their own. Beside them, at `nice 19`, is one process with the hostile ones, each of
which does one thing again and again as fast as it can: requests that never end, that break off,
that are none; pages by the hundred; offers with a mistake, offers for which nothing comes, offers
followed by junk at the ports that are answered; visits with floods of messages, packets or frames,
and with photos that take long to decode. In turn with it, a harmless process is as busy as it was.
`--only` takes those who do one of these things, by the name of the function below: what each costs
is seen with as many of them as are among the sixty.

Prints one JSON object: frames a second beside the one and the other, what the good ones keep, and
the share of the server's time that the hostile ones have, both the server's process (at most 15 %
is the aim) and the one in which photos are decoded.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import socket
import struct
import time
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
import psutil
from aiortc import RTCSessionDescription

from benchmarks.common.command import run_command
from benchmarks.serve import start_server
from tests.users.serving import Client, scene

SIZE_HW = (480, 640)
WARM_UP_S, SETTLE_S = 5.0, 2.0
Bad = Callable[["Hostile"], Coroutine[Any, Any, None]]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hostile", type=int, default=60)
    parser.add_argument("--addresses", type=int, default=20, help="that the hostile ones have")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=2, help="of both, in turn")
    names = [bad.__name__ for bad in BAD]
    parser.add_argument("--only", nargs="+", default=names, choices=sorted(set(names)))
    options = parser.parse_args()
    with ExitStack() as stack:
        server, address = start_server(stack)
        address = address.rstrip("/").replace("localhost", "127.0.0.1")
        counts = stack.enter_context(helper(count_frames, address))
        assert counts.recv() == "here"
        time.sleep(WARM_UP_S)
        hostile, harmless, busy = Phase(server, counts), Phase(server, counts), 0.5
        bad = [one for one in BAD if one.__name__ in options.only]
        arguments = (address, options.hostile, options.addresses, long_photo(), bad)
        for _ in range(options.rounds):
            busy = hostile.measure(options.seconds, misbehave, *arguments)
            harmless.measure(options.seconds, be_busy, busy)
    print(json.dumps(compared(hostile, harmless, options, busy)), flush=True)


class Phase:
    """Sums of what was seen beside one kind of process."""

    def __init__(self, server: psutil.Process, counts: Connection) -> None:
        self._server, self._counts = server, counts
        self.frames = [0, 0]
        self.server_s = self.photos_s = self.elapsed_s = 0.0

    def measure(self, seconds: float, beside: Callable[..., None], *arguments: Any) -> float:
        """Look for so long; returns how busy the process beside was, in processors."""
        with helper(beside, *arguments) as process:
            pid = process.recv()
            time.sleep(SETTLE_S)
            one, began = psutil.Process(pid), time.perf_counter()
            before = self._now()
            spent_s = used_s(one)
            time.sleep(seconds)
            elapsed_s, after = time.perf_counter() - began, self._now()
            spent_s = used_s(one) - spent_s
        self.elapsed_s += elapsed_s
        new = [b - a for a, b in zip(before[0], after[0], strict=True)]
        self.frames = [a + b for a, b in zip(self.frames, new, strict=True)]
        self.server_s += after[1] - before[1]
        self.photos_s += after[2] - before[2]
        time.sleep(SETTLE_S)
        return spent_s / elapsed_s

    def _now(self) -> tuple[list[int], float, float]:
        self._counts.send("how many?")
        photos = sum(used_s(child) for child in self._server.children())
        return self._counts.recv(), used_s(self._server), photos


def used_s(process: psutil.Process) -> float:
    """Return the processor time of a process, in seconds."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return sum(process.cpu_times()[:2])
    return 0.0


def compared(
    hostile: Phase, harmless: Phase, options: argparse.Namespace, busy: float
) -> dict[str, Any]:
    """Return what is printed."""
    a_frame_s = harmless.server_s / sum(harmless.frames)
    return {
        "hostile": options.hostile,
        "addresses": options.addresses,
        "processors_beside": round(busy, 2),
        "fps_beside_harmless": [round(n / harmless.elapsed_s, 1) for n in harmless.frames],
        "fps_beside_hostile": [round(n / hostile.elapsed_s, 1) for n in hostile.frames],
        "frames_kept": round(
            sum(hostile.frames) / hostile.elapsed_s
            / (sum(harmless.frames) / harmless.elapsed_s), 3
        ),
        "server_cores": [round(p.server_s / p.elapsed_s, 2) for p in (harmless, hostile)],
        "share_of_server": round(1 - a_frame_s * sum(hostile.frames) / hostile.server_s, 3),
        "photo_cores": round(hostile.photos_s / hostile.elapsed_s, 2),
    }  # fmt: skip


@contextmanager
def helper(work: Callable[..., None], *arguments: Any) -> Iterator[Connection]:
    """Run something in a process of its own, which ends with the context; yields a pipe to it."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(theirs, *arguments))
    process.start()
    try:
        yield ours
    finally:
        process.kill()
        process.join()


# === The good ones ===


def count_frames(pipe: Connection, address: str) -> None:
    """Visit the page twice; says how many frames came back when asked."""
    asyncio.run(_count_frames(pipe, address))


async def _count_frames(pipe: Connection, address: str) -> None:
    def draw(index: int) -> Any:
        return scene(index, SIZE_HW)

    async with Client(address, draw) as one, Client(address, draw) as two:
        for client in (one, two):
            await client.visit()
        pipe.send("here")
        while True:
            if pipe.poll():
                pipe.recv()
                assert one.last("ended") is two.last("ended") is None
                pipe.send([one.num_seen, two.num_seen])
            await asyncio.sleep(0.01)


# === The harmless one ===


def be_busy(pipe: Connection, processors: float) -> None:
    """Compute for this share of the time."""
    os.nice(19)
    pipe.send(os.getpid())
    while True:
        end_s = time.process_time() + 0.02
        began = time.perf_counter()
        while time.process_time() < end_s:
            pass
        time.sleep(max(0.0, 0.02 / max(processors, 0.01) - (time.perf_counter() - began)))


# === The hostile ones ===


def misbehave(pipe: Connection, *arguments: Any) -> None:
    """Do everything that is bad, as fast as possible."""
    os.nice(19)
    asyncio.run(_misbehave(pipe, *arguments))


async def _misbehave(
    pipe: Connection, address: str, num: int, num_addresses: int, photo: bytes, bad: list[Bad]
) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    async with Client(address, scene) as client:
        sdp = await client.offer()
    everybody = [
        Hostile(address, f"127.0.1.{1 + n % num_addresses}", sdp, photo, bad[n % len(bad)])
        for n in range(num)
    ]
    pipe.send(os.getpid())
    await asyncio.gather(*(one.go_on() for one in everybody))


class Hostile:
    """One that does one thing again and again.

    Attributes:
        port: of the page.
        sdp: an offer as it should be.
        photo: one that takes long to decode.
        chance: its own.
    """

    def __init__(self, address: str, local_address: str, sdp: str, photo: bytes, bad: Bad) -> None:
        self.address, self.local_address, self._bad = address, local_address, bad
        self.sdp, self.photo = sdp, photo
        self.port = int(address.rpartition(":")[2])
        self.chance = random.Random(local_address)

    async def go_on(self) -> None:
        """Do it for ever."""
        while True:
            with contextlib.suppress(Exception):  # of all kinds: they are thrown out
                await self._bad(self)
            await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Connect to the page."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(self.local_address, 0)
        )
        try:
            yield reader, writer
        finally:
            writer.close()

    async def offered(self, sdp: str) -> dict[str, Any]:
        """Return the answer to an offer."""
        connector = aiohttp.TCPConnector(local_addr=(self.local_address, 0))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post(
                f"{self.address}/visits", json={"sdp": sdp}, headers={"Origin": self.address}
            ) as response,
        ):
            return dict(await response.json(), status=response.status)

    def head(self, method: str, path: str, length: int) -> bytes:
        """Return what a request of the page's own begins with."""
        host = f"127.0.0.1:{self.port}"
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Origin: http://{host}"]
        return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


async def dribble(one: Hostile) -> None:
    """Begin a request that never ends."""
    begin = one.chance.choice([b"GET / HTTP/1.1\r\nX-a: ", one.head("POST", "/visits", 60_000)])
    async with one.connected() as (_, writer):
        writer.write(begin)
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.2)


async def hang_up(one: Hostile) -> None:
    """Begin an offer and be gone."""
    async with one.connected() as (_, writer):
        writer.write(one.head("POST", "/visits", 500) + b"{")
        await writer.drain()


async def talk_nonsense(one: Hostile) -> None:
    """Send what is no HTTP."""
    async with one.connected() as (reader, writer):
        writer.write(one.chance.randbytes(200) + b"\r\n\r\n")
        await reader.read()


async def ask(one: Hostile) -> None:
    """Ask for what there is and what there is not."""
    path = one.chance.choice(["/", "/page.js", "/settings", "/nothing", "/visits/x/background"])
    async with one.connected() as (reader, writer):
        writer.write(one.head("GET", path, 0))
        await reader.read()


async def offer_nonsense(one: Hostile) -> None:
    """Offer with a mistake."""
    at = one.chance.randrange(len(one.sdp))
    await one.offered(one.sdp[:at] + one.sdp[at + one.chance.randint(1, 40) :])


async def offer_and_stay_away(one: Hostile) -> None:
    """Offer and do not come."""
    await one.offered(one.sdp)


async def offer_and_send_junk(one: Hostile) -> None:
    """Offer, then send junk where the answer says."""
    answer = await one.offered(one.sdp)
    ports = [int(line.split()[5]) for line in answer["sdp"].split("\r\n") if "candidate:" in line]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        for _ in range(20_000):
            first = one.chance.choice(b"\0\1\x16\x80\x90")
            sending.sendto(bytes([first]) + one.chance.randbytes(200), ("127.0.0.1", ports[0]))
            await asyncio.sleep(0)


async def flood(one: Hostile) -> None:
    """Come as visitors do, then send more than anybody should."""
    async with Client(one.address, scene, local_address=one.local_address) as client:
        sdp = await client.offer()
        async with client.session.post(f"{one.address}/visits", json={"sdp": sdp}) as response:
            answer = await response.json()
        client.id = answer["id"]
        description = RTCSessionDescription(answer["sdp"], "answer")
        await client.peer.setRemoteDescription(description)
        async with asyncio.timeout(10):
            while client.channel.readyState != "open":
                await asyncio.sleep(0.01)
        transport: Any = client.peer.getSenders()[0].transport
        kind = one.chance.randrange(3)
        uploading = asyncio.ensure_future(client.upload(one.photo))
        while client.last("ended") is None and client.peer.connectionState == "connected":
            if kind == 0:
                client.channel.send('{"ping": 1}')
            elif kind == 1:
                packet = struct.pack(">BBHII", 0x80, 97, *(one.chance.randrange(1 << 16),) * 3)
                await transport._send_rtp(packet + one.chance.randbytes(40))
            else:
                await transport.transport._send(b"\x16" + one.chance.randbytes(40))
            await asyncio.sleep(0)
        uploading.cancel()


def long_photo(side: int = 7000) -> bytes:
    """Return a PNG of a few hundred kilobytes that takes seconds: 64 bits a pixel, interlaced."""

    def chunk(name: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + body))
        return struct.pack(">I", len(body)) + name + body + check

    deflate, row = zlib.compressobj(9), b"\0" * (1 + 8 * side)
    body = b"".join(deflate.compress(row) for _ in range(2 * side)) + deflate.flush()
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 1)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", body) + chunk(b"IEND", b"")


BAD: list[Bad] = [
    *(dribble, dribble, hang_up, talk_nonsense, ask, ask),
    *(offer_nonsense, offer_and_stay_away, offer_and_send_junk, flood),
]

if __name__ == "__main__":
    run_command(main)
