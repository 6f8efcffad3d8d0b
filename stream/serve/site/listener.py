"""The socket of the page: a share of it for each address, whatever comes by it.

Every connection is for one request. When all are taken, a newcomer takes the place of one of the
address that has most of them: whoever opens many and says little keeps nobody out.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections import Counter
from typing import Any

from aiohttp import web

from stream.serve.fairness.addresses import sharer
from stream.serve.fairness.allowance import Allowance, Allowances
from stream.serve.site.gate import Handler
from stream.serve.site.http_connection import HttpConnection
from stream.serve.site.settings import Settings

#: How long a request may take to begin, TLS included, and what is sent back to be taken.
MAX_SILENCE_S = 10.0
#: Of aiohttp's connections. The rest of a refused upload is read for a moment, so that the refusal
#: is seen; nothing is unpacked; nobody reads who asked for what.
OPTIONS: dict[str, Any] = {"lingering_time": 0.2, "auto_decompress": False, "access_log": None}
#: Connections that wait to be accepted. More would only wait longer.
BACKLOG = 64
#: Connections accepted a second, and how many seconds' worth is saved. More, and accepting them
#: would be all that is done.
MAX_ACCEPTED_S, ACCEPTED_SAVED_S = 80.0, 5.0
#: An address that asks for little: a page once in a while, which is some fifteen requests.
LITTLE_S, LITTLE = 0.1, 20.0
#: So many more costs an address what is refused: a page asks for nothing that is, or seldom.
REFUSED = 3
#: What is saved of requests, and of what an address may ask for, in seconds: a page and what
#: belongs to it are some fifteen requests at once, and then none for long.
SAVED_S, ADDRESS_SAVED_S = 15.0, 25.0
#: How long nothing is accepted where the system has no more sockets, or too many are wanted.
PAUSE_S = 0.1


class Listener:
    """Serves an application.

    Args:
        app: what is served.
        settings: where, and with how many connections at a time.
    """

    def __init__(self, app: web.Application, settings: Settings) -> None:
        """Prepare; `start` listens."""
        self._settings = settings
        app.middlewares.insert(0, self._follow)
        app.on_response_prepare.append(_close_after)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        self._accepting: dict[socket.socket, asyncio.Task[None]] = {}
        # in the order in which they came, each with what connects it
        self._open: dict[HttpConnection, asyncio.Task[None]] = {}
        self._unconnected: set[HttpConnection] = set()  # whose task has not begun yet
        self._accepted = Allowance(MAX_ACCEPTED_S, ACCEPTED_SAVED_S * MAX_ACCEPTED_S)
        in_all = settings.limits.max_all_requests_s
        self._requests = Allowance(in_all, SAVED_S * in_all)
        most = settings.limits.max_requests_s
        self._requests_of = Allowances(most, ADDRESS_SAVED_S * most)
        self._little_of = Allowances(LITTLE_S, LITTLE)

    async def start(self) -> tuple[str, int]:
        """Listen; returns address and port.

        Raises:
            OSError: the address cannot be bound.
        """
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        host, port = self._settings.host, self._settings.port
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        missing = None
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                listening = _bound(family, (address[0], port, *address[2:]))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = error  # a name may have an address that this machine has not
                continue
            port = listening.getsockname()[1]
            self._accepting[listening] = loop.create_task(self._accept(listening))
        if not self._accepting:
            raise missing or OSError("it has no address")
        return str(next(iter(self._accepting)).getsockname()[0]), port

    async def close(self) -> None:
        """Stop listening and end what is open."""
        for accepting in self._accepting.values():
            accepting.cancel()
        await asyncio.gather(*self._accepting.values(), return_exceptions=True)
        for listening in self._accepting:
            listening.close()
        self._accepting.clear()
        await self._runner.cleanup()
        tasks = list(self._open.values())
        for connection in list(self._open):
            self._end(connection)
        await asyncio.gather(*tasks, return_exceptions=True)

    # === Who comes ===

    async def _accept(self, listening: socket.socket) -> None:
        """Take connections as they come, no faster than they can be dealt with."""
        loop = asyncio.get_running_loop()
        while True:
            if self._accepted.left < 1:
                await asyncio.sleep(PAUSE_S)
                continue
            try:
                accepted, peer = await loop.sock_accept(listening)
            except ConnectionAbortedError:
                continue
            except OSError:  # the system has no more sockets
                await asyncio.sleep(PAUSE_S)
                continue
            self._accepted.spend(1)
            address = sharer(peer[0])
            if self._asks_too_much(address):
                accepted.close()
            else:
                self._make_room()
                self._count(address, 1)
                self._begin(accepted, address)
            await asyncio.sleep(0)  # where more wait, accepting them does not

    def _asks_too_much(self, address: str) -> bool:
        if self._requests_of.left(address) < 1:
            return True
        return self._requests.left < 1 and self._little_of.left(address) < 1

    def _count(self, address: str, num: int) -> None:
        """Count requests, of which every connection is for one, whatever comes on it."""
        self._requests.spend(num)
        self._requests_of.spend(address, num)
        self._little_of.spend(address, num)

    def _make_room(self) -> None:
        """End a connection if there are too many."""
        if len(self._open) < self._settings.limits.max_connections:
            return
        ((most, _),) = Counter(one.address for one in self._open).most_common(1)
        theirs = [one for one in self._open if one.address == most]
        # one that says nothing rather than one with a request, and of either the oldest
        sent_away = min(theirs, key=lambda one: one.has_begun)
        self._end(sent_away)
        self._count(most, -1)  # who is sent away has had nothing

    def _begin(self, accepted: socket.socket, address: str) -> None:
        server = self._runner.server
        assert server is not None
        connection = HttpConnection(server, address, self._refuse, self._gone, **OPTIONS)
        loop = asyncio.get_running_loop()
        self._open[connection] = loop.create_task(self._connect(accepted, connection))
        self._unconnected.add(connection)
        loop.call_later(MAX_SILENCE_S, self._dismiss, connection)

    async def _connect(self, accepted: socket.socket, connection: HttpConnection) -> None:
        self._unconnected.discard(connection)
        if connection not in self._open:  # ended already
            accepted.close()
            return
        tls = self._settings.tls
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=tls,
                ssl_handshake_timeout=MAX_SILENCE_S if tls is not None else None,
            )
        except OSError:  # they agree on no TLS, or are gone
            self._gone(connection)

    # === Who goes ===

    def _dismiss(self, connection: HttpConnection) -> None:
        """End a connection on which no request has come; one that has come ends later."""
        if not connection.has_begun:
            self._end(connection)
        elif connection in self._open and not connection.lasts:
            longest_s = self._settings.limits.max_request_s + MAX_SILENCE_S
            asyncio.get_running_loop().call_later(longest_s, self._end_unless_lasting, connection)

    def _end_unless_lasting(self, connection: HttpConnection) -> None:
        if not connection.lasts:
            self._end(connection)

    def _end(self, connection: HttpConnection) -> None:
        task = self._open.pop(connection, None)
        if task is not None and connection not in self._unconnected:
            task.cancel()
        connection.abort()

    def _gone(self, connection: HttpConnection) -> None:
        self._open.pop(connection, None)

    # === What they ask ===

    @web.middleware
    async def _follow(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, HttpConnection)
        connection.has_begun = True
        response = await handler(request)
        if response.status >= 400:
            self._refuse(connection)
        return response

    def _refuse(self, connection: HttpConnection) -> None:
        self._requests_of.spend(connection.address, REFUSED)
        self._little_of.spend(connection.address, REFUSED)


async def _close_after(request: web.Request, response: web.StreamResponse) -> None:
    if not isinstance(response, web.WebSocketResponse):  # which is the last of its connection
        response.force_close()
        response.headers["Connection"] = "close"


def _bound(family: int, address: tuple[str | int, ...]) -> socket.socket:
    """Return a socket that listens there."""
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        if os.name == "posix":  # elsewhere it lets two programs have one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
