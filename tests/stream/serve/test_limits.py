"""Too many visitors, connections and messages, and those who vanish."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import weakref

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

import aiohttp
import psutil

from stream.serve.limits import Limits, Rate
from stream.serve.settings import Settings
from tests.serving import Client, Finds, Served, left, play, scene, served


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
            asked = never.session.post(f"{running.address}/visits", json={"sdp": sdp})
            async with asked as response:
                assert response.status == 201
            await left(running, 1)
            assert "no video arrived" in running.told[-1]
            await vanishing.__aexit__()
            await never.__aexit__()
            await good.until(
                lambda: (
                    gc.collect() >= 0
                    and gone() is None
                    and len(psutil.Process().net_connections("udp")) <= sockets
                    and len(threading.enumerate()) <= before + 3  # encoders' threads are kept
                )
            )
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


def test_rates_forget() -> None:
    now = 0.0
    rate = Rate(2, 10.0, lambda: now)
    assert [rate.allows("a"), rate.allows("a"), rate.allows("a")] == [True, True, False]
    assert rate.allows("b")
    now = 11.0
    assert rate.allows("a")
    assert set(rate._times) == {"a"}
