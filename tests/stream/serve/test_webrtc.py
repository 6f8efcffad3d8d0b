"""What is offered and sent over WebRTC: hostile offers, frames and addresses."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

import aiohttp
import aioice.ice
import psutil
from aiortc import InvalidStateError, RTCSessionDescription

from stream.serve.site.limits import Limits
from stream.serve.site.settings import Settings
from stream.serve.visitor import Visitor
from stream.serve.webrtc import (
    TOO_MANY_MESSAGES,
    Decoder,
    Undecoded,
    checked_offer,
    overlook_closed,
    vp8_size,
)
from tests.users.serving import Client, Finds, Served, left, play, scene, served


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


def giant(index: int) -> NDArray[np.uint8]:
    return scene(index, (480, 640))


def visitor_of(running: Served, answer: dict[str, str]) -> Visitor:
    return running.server.visitors[answer["id"]]


def hold_messages_until(client: Client, holds: Callable[[], bool], then_s: float = 0.0) -> None:
    """Let a client's data channel have nothing of what is sent before so long after that."""
    send = client.transport._send_data

    async def send_later(data: bytes) -> None:
        await client.until(holds)
        await asyncio.sleep(then_s)
        client.transport._send_data = send
        await send(data)

    client.transport._send_data = send_later


@pytest.mark.parametrize("is_late", [False, True])
def test_frames_that_are_too_large(finds: Finds, is_late: bool) -> None:
    """Who sends them is told why they have to go, also where their channel opens later."""
    limits = Limits(max_pixels=320 * 240)

    async def visit(running: Served) -> None:
        async with Client(running.address, scene) as good, Client(running.address, giant) as bad:
            await good.visit()
            sdp = await bad.offer()
            async with bad.session.post(f"{running.address}/visits", json={"sdp": sdp}) as response:
                answer = await response.json()
            if is_late:
                hold_messages_until(bad, lambda: visitor_of(running, answer).ended is not None, 2.0)
            await bad.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
            await bad.until(lambda: bad.last("ended") is not None)
            assert bad.last("ended") == "frames of 640x480 are too large; 76800 pixels are allowed"
            assert bad.num_seen == 0
            await left(running, 1)
            before = good.num_seen
            await good.until(lambda: good.num_seen > before + 5)

    with served(finds, settings=Settings(port=0, limits=limits)) as running:
        play(visit(running))


@pytest.mark.parametrize("who", ["server", "visitor", "flood"])
def test_nobody_waits_for_a_channel_that_never_opens(
    finds: Finds, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits to say why a visit ended is done once either side closes or too much is sent."""
    monkeypatch.setattr("stream.serve.visitor.OPEN_S", 1000.0)

    async def visit(running: Served) -> None:
        async with Client(running.address, giant) as bad:
            sdp = await bad.offer()
            async with bad.session.post(f"{running.address}/visits", json={"sdp": sdp}) as response:
                answer = await response.json()
            hold_messages_until(bad, lambda: False)
            await bad.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
            visitor = visitor_of(running, answer)
            await bad.until(lambda: visitor.ended is not None)
            assert running.server.visitors
            if who == "server":
                await asyncio.to_thread(running.call, running.server.close())
            elif who == "flood":
                visitor._end_flood(TOO_MANY_MESSAGES)
                await left(running)
            else:
                await bad.peer.close()
                await left(running)
            assert not running.server.visitors

    with served(finds, settings=Settings(port=0, limits=Limits(max_pixels=320 * 240))) as running:
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


def test_more_data_than_a_video_has(finds: Finds) -> None:
    async def visit(running: Served) -> None:
        async with Client(running.address, scene) as client:
            await client.visit()
            await client.until(lambda: client.last("ended") is not None)
            assert "more data than a video" in client.last("ended")

    limits = Limits(max_media_bytes_s=8_000)
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


def test_what_fails_because_it_was_closed_is_overlooked_and_nothing_else() -> None:
    told: list[Any] = []
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: told.append(context))
    overlook_closed(loop)
    loop.call_exception_handler({"message": "", "exception": InvalidStateError("closed")})
    assert told == []
    other = {"message": "", "exception": ValueError("mine")}
    loop.call_exception_handler(other)
    assert told == [other]
    loop.close()


def test_checks_that_cannot_be_read_are_lost(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            connection = client.transport.transport._connection
            (pair,) = connection._nominated.values()
            for wrong in wrong_checks(connection, pair):
                pair.protocol.transport.sendto(wrong, pair.remote_addr)
            before = client.num_seen
            await client.until(lambda: client.num_seen > before + 20)
            assert client.last("ended") is None

    def wrong_checks(connection: Any, pair: Any) -> Iterator[bytes]:
        check = connection.build_request(pair, nominate=False)
        yield bytes(check)[:2] + b"\0\x08" + bytes(check)[4:20] + b"\0\x24\0\1abcd"
        del check.attributes["PRIORITY"]
        check.add_message_integrity(connection.remote_password.encode())
        yield bytes(check)

    play(visit())


def test_nothing_is_done_for_whoever_does_not_come(here: Served) -> None:
    num_looks = 0

    async def count_looks(visitor: Visitor) -> None:
        connection: Any = visitor._peer.getReceivers()[0].transport.transport._connection
        look = connection._check_periodic

        def counted() -> bool:
            nonlocal num_looks
            num_looks += 1
            return bool(look())

        connection._check_periodic = counted

    async def visit() -> None:
        async with Client(here.address, scene) as client:
            sdp = await client.offer()
            async with client.session.post(f"{here.address}/visits", json={"sdp": sdp}) as response:
                answer = await response.json()
            (visitor,) = here.server.visitors.values()
            here.call(count_looks(visitor))
            await asyncio.sleep(0.5)
            assert num_looks == 0
            await client.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
            await client.until(lambda: client.num_seen > 0)
            assert num_looks > 0

    play(visit())
