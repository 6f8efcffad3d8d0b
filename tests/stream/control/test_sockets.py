"""The page's WebSocket: what it gets, what it may send."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("cryptography", reason="the extra serve")

import aiohttp

from stream.control import sockets
from stream.control.preview import MAX_SIDE
from stream.control.server import LIMITS
from stream.control.sockets import MAX_SOCKETS
from stream.frame import Output
from stream.live.control import LiveControl
from tests.stand_ins.fakes import output_of
from tests.users.controlling import SETTINGS, Controlled, controlled, play, until
from tests.users.desk import Desk

CLOSED = aiohttp.WSMsgType.CLOSED


async def news(socket: Any, name: str) -> Any:
    """Return what is told next under a name."""
    while True:
        message = await socket.receive(timeout=30)
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
        if message.type is aiohttp.WSMsgType.TEXT and name in (told := json.loads(message.data)):
            return told[name]


async def picture(socket: Any) -> np.ndarray:
    """Return the next picture, (H, W, 3) RGB."""
    while True:
        message = await socket.receive(timeout=30)
        if message.type is aiohttp.WSMsgType.BINARY:
            return cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR_RGB)


def test_it_tells_how_the_run_stands_and_shows_it(here: Controlled) -> None:
    large = np.zeros((1080, 1920, 3), np.uint8)
    large[:, 960:] = (200, 100, 50)
    here.preview.write(output_of(large))

    async def look() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(here.address + "/live") as socket,
        ):
            assert (await news(socket, "values"))["effect"] == "blur"
            shown = await picture(socket)
            assert shown.shape == (540, MAX_SIDE, 3)
            assert np.abs(shown[200, 800].astype(int) - (200, 100, 50)).max() < 8
            assert here.preview.num_viewers == 1
            here.preview.write(output_of(255 - large))
            await asyncio.sleep(0.3)
            assert here.server._desk._pictures.number > 1, "it is made"
            await socket.send_json({"shown": True, "set": {"mirror": "on"}})
            while not (await news(socket, "values"))["mirror"]:
                pass
            await socket.send_json({"shown": True})
            shown = await picture(socket)
            await socket.send_json({"set": {"effect": "sepia"}})
            assert "effect: one of" in await news(socket, "error")
            await socket.send_json({"set": {"effect": "grey"}})
            while (await news(socket, "values"))["effect"] != "grey":
                pass
        await until(lambda: here.preview.num_viewers == 0)

    play(look())


def test_a_picture_waits_until_the_one_before_is_shown(here: Controlled) -> None:
    async def look() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(here.address + "/live") as socket,
        ):
            here.show()
            await picture(socket)
            made = here.server._desk._pictures.number
            here.show(1)
            await until(lambda: here.server._desk._pictures.number > made)
            for _ in range(4):  # news come, pictures do not
                message = await socket.receive(timeout=30)
                assert message.type is aiohttp.WSMsgType.TEXT
            await socket.send_json({"shown": True})
            await picture(socket)

    play(look())


@pytest.mark.parametrize(("text", "closed_with"), [("x" * 20_000, 1009), ('{"set": 1}', 1008)])
def test_a_page_that_sends_too_much_is_left(
    desk: Callable[..., Desk], text: str, closed_with: int
) -> None:
    async def look() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(here.address + "/live") as socket,
        ):
            # one at a time, after the answer to the one before: what is still unread at the end
            # costs the reason
            await socket.send_str(text)
            while (message := await socket.receive(timeout=30)).type is not CLOSED:
                if message.type is aiohttp.WSMsgType.TEXT and "error" in json.loads(message.data):
                    await socket.send_str(text)
            assert socket.close_code == closed_with
        await until(lambda: here.preview.num_viewers == 0)

    with controlled(desk(), replace(SETTINGS, limits=replace(LIMITS, max_messages_s=2))) as here:
        play(look())


def test_what_is_no_object_is_told(here: Controlled) -> None:
    async def look() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(here.address + "/live") as socket,
        ):
            for text in ("[]", "nothing", '{"set": 3}'):
                await socket.send_str(text)
                assert "must be a JSON object" in await news(socket, "error")
            await socket.send_bytes(b"12")
            while (await socket.receive(timeout=30)).type is not aiohttp.WSMsgType.CLOSED:
                pass
            assert socket.close_code == 1008

    play(look())


def test_there_are_so_many_and_no_more(here: Controlled) -> None:
    async def look() -> None:
        async with aiohttp.ClientSession() as session:
            open_ones = [
                await session.ws_connect(here.address + "/live") for _ in range(MAX_SOCKETS)
            ]
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(here.address + "/live")
            assert refused.value.status == 503
            await open_ones[0].close()
            await until(lambda: here.preview.num_viewers < MAX_SOCKETS)
            await (await session.ws_connect(here.address + "/live")).close()
            for each in open_ones:
                await each.close()

    play(look())


def test_it_lasts_longer_than_a_request_may(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.serve.site.listener.MAX_SILENCE_S", 0.1)
    settings = replace(SETTINGS, limits=replace(LIMITS, max_request_s=0.2))

    async def look() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(here.address + "/live") as socket,
        ):
            for _ in range(4):  # which come twice a second
                await news(socket, "values")

    with controlled(desk(), settings) as here:
        play(look())


def test_a_preview_that_fails_takes_nothing_else_along(
    here: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: LiveControl, output: Output, max_side: int) -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr(LiveControl, "draw_small", fail)
    here.show()

    async def look() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(here.address + "/live") as socket,
        ):
            while "it broke" not in (await news(socket, "message"))["text"]:
                pass
            await news(socket, "values")

    play(look())


def test_the_end_of_the_run_is_told(here: Controlled) -> None:
    async def look() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(here.address + "/live") as socket,
        ):
            await news(socket, "values")
            await asyncio.get_running_loop().run_in_executor(
                None, here.server.__exit__, None, None, None
            )
            while (message := await socket.receive(timeout=30)).type is not aiohttp.WSMsgType.CLOSE:
                assert message.type is not aiohttp.WSMsgType.CLOSED
            assert message.data == aiohttp.WSCloseCode.GOING_AWAY
            assert message.extra == sockets.ENDED

    play(look())


def test_news_that_fail_once_are_followed_by_others(
    here: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, fails = LiveControl.values, [True]

    def fail_once(self: LiveControl) -> Any:
        if fails:
            fails.pop()
            raise RuntimeError("it broke")
        return values(self)

    monkeypatch.setattr(LiveControl, "values", fail_once)

    async def look() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(here.address + "/live") as socket,
        ):
            assert "it broke" in (await news(socket, "message"))["text"]

    play(look())
    assert not fails


def test_a_page_that_takes_nothing_is_left(
    here: Controlled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would hold its place, and the camera, though it asks for more and more."""
    monkeypatch.setattr(sockets, "MAX_SENDING_S", 0.2)
    noise = np.random.default_rng(0).integers(0, 256, (540, 960, 3), np.uint8)
    head = (
        f"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n"
    )
    shown = b'{"shown": true}'
    frame = bytes([0x81, 0x80 | len(shown), 0, 0, 0, 0]) + shown

    async def look() -> None:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", here.server.settings.port))
            deaf.sendall(head.encode())
            await until(lambda: here.preview.num_viewers == 1)
            while here.preview.num_viewers:
                here.preview.write(output_of(noise))
                with contextlib.suppress(ConnectionError):
                    deaf.sendall(frame)
                await asyncio.sleep(0.05)

    play(look())
