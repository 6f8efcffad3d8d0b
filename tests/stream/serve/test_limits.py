"""Too many visitors and messages, and those who vanish."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import socket
import struct
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import SimpleNamespace

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

import aiohttp
import psutil
from aiortc import RTCSessionDescription

from stream.serve.site.limits import Limits
from stream.serve.site.settings import Settings
from tests.users.serving import Client, Finds, Served, left, play, scene, served


def test_fifty_visitors_at_once(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.serve.fairness.places.GRACE_S", 1000.0)

    async def visit() -> None:
        async with Client(here.address, scene) as good:
            await good.visit()
            others = [Client(here.address, scene) for _ in range(50)]
            offer = await others[0].offer()

            async def knock() -> tuple[int, str]:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with (
                        aiohttp.ClientSession(headers=good.headers) as session,
                        session.post(f"{here.address}/visits", json={"sdp": offer}) as response,
                    ):
                        return response.status, (await response.json()).get("error", "")
                return 0, ""  # closed at the door: their address has been refused too often

            answers = await asyncio.gather(*(knock() for _ in others))
            statuses = [status for status, _ in answers]
            assert statuses.count(201) == 2  # attempts of one address at a time
            assert statuses.count(429) > 20  # which an address is told before it gets no answer
            assert statuses.count(429) + statuses.count(0) == 48
            refused = {text for status, text in answers if status == 429}
            assert len(refused) == 2
            assert any("connecting just now; try again" in text for text in refused)
            assert any("too many attempts from this address" in text for text in refused)
            before = good.num_seen
            await good.until(lambda: good.num_seen > before + 10)
            await asyncio.gather(*(other.peer.close() for other in others))

    play(visit())


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
            asked = never.session.post(f"{running.address}/visits", json={"sdp": sdp})
            async with asked as response:
                assert response.status == 201
            await left(running, 1)
            assert "somebody tried to come in: no video arrived" in running.told[-1]
            await vanishing.__aexit__()
            await never.__aexit__()
            await good.until(
                lambda: (
                    len(psutil.Process().net_connections("udp")) <= sockets
                    and len(threading.enumerate()) <= before + 3  # encoders' threads are kept
                )
            )
            seen = good.num_seen
            await good.until(lambda: good.num_seen > seen + 5)
            gc.collect()  # last: it halts this process long enough for the good one to seem gone
            assert gone() is None

    with served(finds, settings=Settings(port=0, limits=limits)) as running:
        play(visit(running))
    assert running.errors == []


async def never(*arguments: object) -> None:
    await asyncio.Event().wait()


async def no_checks(client: Client) -> None:
    """The browser never asks whether it reaches this server (ICE)."""
    client.transport.transport.start = never


async def no_handshake(client: Client) -> None:
    """It reaches it, and agrees on no keys (DTLS)."""
    client.transport.start = never


async def junk_for_a_handshake(client: Client) -> None:
    """It reaches it, and what it sends for keys makes no sense."""

    async def start(*arguments: object) -> None:
        while client.transport.transport.state == "completed":
            await client.transport.transport._send(b"\x16\xfe\xff" + bytes(60))
            await asyncio.sleep(0.02)

    client.transport.start = start


async def no_video(client: Client) -> None:
    """It is connected, and sends nothing."""
    client.camera.recv = never  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("how", [no_checks, no_handshake, junk_for_a_handshake, no_video])
def test_a_visit_that_never_begins_leaves_nothing(
    finds: Finds, how: Callable[[Client], Awaitable[None]]
) -> None:
    limits = Limits(max_visitors=1, max_connect_s=2.0)

    async def visit(running: Served) -> None:
        sockets = len(psutil.Process().net_connections("udp"))
        async with Client(running.address, scene) as one:
            sdp = await one.offer()
            await how(one)
            async with one.session.post(f"{running.address}/visits", json={"sdp": sdp}) as response:
                answer = await response.json()
                assert response.status == 201
            description = RTCSessionDescription(answer["sdp"], "answer")
            await one.peer.setRemoteDescription(description)
            assert len(running.server.visitors) == 1
            await left(running)
            assert "no video arrived" in running.told[-1]
            async with Client(running.address, scene, local_address="127.0.0.2") as good:
                await good.visit()
        await left(running)
        assert len(psutil.Process().net_connections("udp")) == sockets

    with served(finds, settings=Settings(port=0, limits=limits)) as running:
        play(visit(running))
    assert running.errors == []


def test_what_strangers_send_before_they_come_is_not_the_visitors(here: Served) -> None:
    """Anybody can send to the port that the answer names, from as many ports as they like."""
    kinds = (b"\0\1" + bytes(18), b"\x16\xfe\xff" + bytes(60), b"\x90\x60" + bytes(60), b"")

    async def visit() -> None:
        async with Client(here.address, scene, local_address="127.0.0.4") as client:
            sdp = await client.offer()
            asked = client.session.post(f"{here.address}/visits", json={"sdp": sdp})
            async with asked as response:
                answer = await response.json()
            port = int(re.findall(r"candidate:.* 127\.0\.0\.1 (\d+) typ host", answer["sdp"])[0])
            for num in range(600):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                    stranger.sendto(kinds[num % len(kinds)], ("127.0.0.1", port))
                if num % 50 == 0:
                    await asyncio.sleep(0.01)
            description = RTCSessionDescription(answer["sdp"], "answer")
            await client.peer.setRemoteDescription(description)
            await client.until(lambda: client.num_seen > 3)
            visitor = here.server.visitors[answer["id"]]
            assert not visitor.sent_too_much
            assert visitor.ended is None

    play(visit())
    assert here.told[0] == "a visitor came (1 of 4)"


def test_too_many_messages(here: Served) -> None:
    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            for num in range(1000):
                client.tell(ping=num)
            await client.until(lambda: client.last("ended") is not None)
            assert "too many messages" in client.last("ended")
            await left(here)

    play(visit())


@pytest.mark.parametrize(("wish", "num_s"), [({"ping": 1}, 10), ({"effect": "grey"}, 25)])
def test_messages_that_no_page_sends_so_often(
    here: Served, wish: dict[str, object], num_s: float
) -> None:
    """A page pings once a second, and of a slider that is dragged sends ten a second."""

    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            began, num_told = time.monotonic(), 0
            async with asyncio.timeout(30):
                while client.last("ended") is None:
                    for _ in range(num_told, round((time.monotonic() - began) * num_s)):
                        client.tell(**wish)
                        num_told += 1
                    await asyncio.sleep(1 / num_s)
            assert "too many messages" in client.last("ended")

    play(visit())


def test_messages_that_waited_for_a_pause(here: Served) -> None:
    """What a link that stood still held back of a slider that was dragged all the while."""

    async def visit() -> None:
        async with Client(here.address, scene) as client:
            await client.visit()
            messages = here.server.visitors[client.id]._messages
            await client.until(lambda: messages.left > 60)  # they were quiet for a while
            for num in range(5):
                client.tell(ping=num + 1)
                for strength in range(10):
                    client.tell(effect=f"blur=0.{strength}")
            await client.until(lambda: client.last("pong") == 5)
            await client.until(lambda: client.last("effect") == "blur=0.9")
            assert client.last("ended") is None

    play(visit())


def test_whose_address_has_all_places(finds: Finds) -> None:
    """They have them until others come; then the last of them makes room, and no more."""

    async def visit(running: Served) -> None:
        async with AsyncExitStack() as stack:
            # few frames each: all of them are in this process
            many = [
                await stack.enter_async_context(Client(running.address, scene, every=6))
                for _ in range(4)
            ]
            for one in many:
                await one.visit()
            others = [
                await stack.enter_async_context(
                    Client(running.address, scene, local_address="127.0.0.2", every=6)
                )
                for _ in range(3)
            ]
            for other in others[:2]:
                await other.visit()
            await left(running, 4)
            assert [one.last("ended") is None for one in many] == [True, True, False, False]
            assert many[3].last("ended") == "your place was needed for somebody at another address"
            sdp = await others[2].offer()
            asked = others[2].session.post(f"{running.address}/visits", json={"sdp": sdp})
            async with asked as response:
                assert response.status == 503
                assert "all 4 places are taken" in (await response.json())["error"]
            before = [one.num_seen for one in (*many[:2], *others[:2])]
            for one, num in zip((*many[:2], *others[:2]), before, strict=True):
                await one.until(lambda one=one, num=num: one.num_seen > num + 5)  # type: ignore[misc]

    with served(finds) as running:
        play(visit(running))
    assert running.errors == []


def test_those_who_ask_and_send_nothing_keep_nobody_out(
    here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.serve.fairness.places.GRACE_S", 0.5)

    async def visit() -> None:
        async with AsyncExitStack() as stack:
            for _ in range(6):
                asking = await stack.enter_async_context(Client(here.address, scene))
                sdp = await asking.offer()
                asked = asking.session.post(f"{here.address}/visits", json={"sdp": sdp})
                async with asked as response:
                    assert response.status == 201
                await asyncio.sleep(0.6)
            assert len(here.server.visitors) <= 3
            good = await stack.enter_async_context(Client(here.address, scene))
            await good.visit()
            assert here.told[-1] == "a visitor came (1 of 4)"

    play(visit())


def test_who_is_about_to_leave_gets_no_place(here: Served) -> None:
    """Their video comes just as their attempt has given way to another."""

    async def come_late(id: str) -> None:
        visitor = here.server.visitors[id]
        visitor.end_soon("others came")
        assert not visitor._sit_down()

    async def visit() -> None:
        async with Client(here.address, scene) as one:
            sdp = await one.offer()
            async with one.session.post(f"{here.address}/visits", json={"sdp": sdp}) as response:
                late = come_late((await response.json())["id"])
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(late, here.loop))
            await left(here)

    play(visit())
    assert here.told == ["somebody tried to come in: others came"]


def test_who_sent_too_much_is_asked_to_wait(here: Served) -> None:
    """A browser has a few streams; who invents new ones leaves, and does not come back at once."""

    async def flood() -> None:
        async with Client(here.address, scene, local_address="127.0.0.3") as one:
            await one.visit()
            for ssrc in range(200):
                packet = struct.pack(">BBHII", 0x80, 97, ssrc, 0, 5000 + ssrc) + bytes(40)
                with contextlib.suppress(ConnectionError):
                    await one.transport._send_rtp(packet)
                await asyncio.sleep(0.01)
            await left(here, 0)
            assert any("more data than a video" in text for text in here.told)
            async with Client(here.address, scene) as again:
                sdp = await again.offer()
                asked = one.session.post(f"{here.address}/visits", json={"sdp": sdp})
                async with asked as response:
                    assert response.status == 429
        async with Client(here.address, scene) as other:
            await other.visit()

    play(flood())


def test_others_behind_the_address_of_who_sent_too_much_wait_a_minute_at_most(here: Served) -> None:
    flooding = SimpleNamespace(id="", address="192.0.2.1", sent_too_much=True, num_received=0)
    for _ in range(4):
        here.server._gone(flooding, "too much")
    owed = -here.server._offers_of.left("192.0.2.1")
    assert 19 < owed <= 20  # one comes every three seconds


def test_those_who_offer_often_share_what_is_left_and_newcomers_are_answered(here: Served) -> None:
    """Answering offers costs most: so many a second, and always the first few of an address."""
    often = [here.server._may_try("192.0.2.1") for _ in range(20)]
    assert 10 <= sum(often) <= 12  # those of 20 seconds, and of the moment this takes
    assert not often[-1]
    for newcomer in ("192.0.2.2", "192.0.2.3"):
        few = [here.server._may_try(newcomer) for _ in range(8)]
        assert few[:2] == [True] * 2
        assert sum(few[2:]) <= 1
