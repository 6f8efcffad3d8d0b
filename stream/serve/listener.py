"""The socket of the page, which does not wait for those who connect and say nothing."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiohttp import web

from stream.serve.gate import Handler
from stream.serve.settings import Settings

#: How long a request may take to begin, and TLS to be agreed on.
MAX_SILENCE_S = 10.0
#: How long the rest of a refused upload is read, so that the refusal is seen.
LINGERING_S = 0.2


class Listener:
    """Serves an application; every connection is for one request.

    Args:
        app: what is served.
        settings: where, and with how many connections at a time.
    """

    def __init__(self, app: web.Application, settings: Settings) -> None:
        """Prepare; `start` listens."""
        self._app = app
        self._settings = settings
        self._app.middlewares.insert(0, self._one_request)
        self._begun: set[int] = set()  # ids of connections whose request has come
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            auto_decompress=False,
            lingering_time=LINGERING_S,
            shutdown_timeout=2.0,
        )
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; returns the port.

        Raises:
            OSError: the address cannot be bound.
        """
        await self._runner.setup()
        tls = self._settings.tls
        self._server = await asyncio.get_running_loop().create_server(
            self._connection,
            self._settings.host,
            self._settings.port,
            ssl=tls,
            ssl_handshake_timeout=MAX_SILENCE_S if tls is not None else None,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and end what is open."""
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()
        if self._server is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), 2.0)

    def _connection(self) -> asyncio.Protocol:
        server = self._runner.server
        assert server is not None
        if len(server.connections) >= self._settings.limits.max_connections:
            return _Full()
        connection: Any = server()
        loop = asyncio.get_running_loop()
        loop.call_later(MAX_SILENCE_S, self._dismiss, connection)
        return connection  # type: ignore[no-any-return]

    def _dismiss(self, connection: Any) -> None:
        """Close a connection on which no request has come."""
        if id(connection) in self._begun:
            self._begun.discard(id(connection))
        elif connection.transport is not None:
            connection.force_close()

    @web.middleware
    async def _one_request(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._begun.add(id(request.protocol))
        response = await handler(request)
        response.force_close()
        return response


class _Full(asyncio.Protocol):
    """Closes a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
