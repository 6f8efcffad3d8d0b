"""The page's WebSocket: pictures and news to it, and what a person does there back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, WSMsgType, web

from stream.control.desk import ENDED, Desk
from stream.control.state import Sight
from stream.serve.fairness.allowance import Allowance
from stream.serve.site.bodies import as_object
from stream.serve.site.http_connection import HttpConnection
from stream.serve.site.limits import Limits, Refusal

#: At a time.
MAX_SOCKETS = 8
#: News come at least so often: a page that hears nothing says so.
NEWS_S = 0.5
#: How long what is sent may take to be taken.
MAX_SENDING_S = 10.0
#: Seconds' worth of messages that is saved: what waited comes at once.
SAVED_S = 4.0


class Sockets:
    """All that are open; belongs to one event loop.

    Args:
        desk: returns the run; raises `Refusal` while there is none.
        limits: on what is sent.
    """

    def __init__(self, desk: Callable[[], Desk], limits: Limits) -> None:
        """Have none yet."""
        self._desk, self._limits = desk, limits
        self._open: set[web.WebSocketResponse] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Talk with one page until it goes.

        Raises:
            Refusal: too many are there.
        """
        desk = self._desk()
        if len(self._open) >= MAX_SOCKETS:
            raise Refusal(503, f"{MAX_SOCKETS} pages are open, which is all there may be")
        socket = web.WebSocketResponse(
            max_msg_size=self._limits.max_message_bytes, compress=False, heartbeat=10.0
        )
        self._open.add(socket)
        try:
            await socket.prepare(request)
            assert isinstance(request.protocol, HttpConnection)
            talk = _Talk(socket, desk, self._limits, request.protocol.abort)
            desk.come()
            sending = asyncio.get_running_loop().create_task(talk.send())
            try:
                await talk.receive()
            finally:
                desk.go()
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        finally:
            self._open.discard(socket)
        return socket

    async def close(self) -> None:
        """Say that the run has ended, and close all of them."""
        farewells = (
            socket.close(code=WSCloseCode.GOING_AWAY, message=ENDED.encode())
            for socket in list(self._open)
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.gather(*farewells, return_exceptions=True)


class _Talk:
    """With one page: it gets a picture once it has shown the one before."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        desk: Desk,
        limits: Limits,
        abort: Callable[[], None],
    ) -> None:
        self._socket, self._desk, self._abort = socket, desk, abort
        self._messages = Allowance(limits.max_messages_s, SAVED_S * limits.max_messages_s)
        self._shows = True

    async def receive(self) -> None:
        """Do what the page asks, until it goes or asks too much."""
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                await self._refuse("text is wanted here")
                return
            if not self._messages.allows():
                await self._refuse("too many messages")
                return
            try:
                await self._heed(as_object(message.data, "a message"))
            except Refusal as refusal:
                await self._give(self._socket.send_json({"error": refusal.reason}))

    async def _heed(self, asked: dict[str, object]) -> None:
        if "shown" in asked:
            self._shows = True
        wishes = asked.get("set", {})
        if not isinstance(wishes, dict):
            raise Refusal(400, "set must be a JSON object")
        if wishes:
            await self._desk.set(wishes)

    async def _refuse(self, why: str) -> None:
        code = WSCloseCode.POLICY_VIOLATION
        await self._give(self._socket.close(code=code, message=why.encode()))

    async def _give(self, sending: Awaitable[object]) -> None:
        """Wait until something is sent; a page that takes nothing is left without a farewell.

        It would not take that either, and hold its place and the camera for as long as it likes.
        """
        try:
            async with asyncio.timeout(MAX_SENDING_S):
                await sending
        except (TimeoutError, ConnectionError):
            self._abort()

    async def send(self) -> None:
        """Send news and pictures as they come; a page that takes nothing is left."""
        told, told_s, number = Sight(), 0.0, 0
        while not self._socket.closed:
            sight = await self._desk.sights()
            now_s = time.monotonic()
            has_news = sight.state != told.state or _message(sight) != _message(told)
            if has_news or now_s - told_s >= NEWS_S:
                told, told_s = sight, now_s
                await self._give(self._socket.send_json({**sight.state, **sight.figures}))
            if sight.jpeg is not None and sight.number != number and self._shows:
                number, self._shows = sight.number, False
                await self._give(self._socket.send_bytes(sight.jpeg))


def _message(sight: Sight) -> object:
    return sight.figures.get("message")
