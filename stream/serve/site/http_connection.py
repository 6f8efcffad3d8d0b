"""One connection of a browser, or of whoever speaks something like HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web

from stream.serve.site.gate import refused
from stream.serve.site.limits import Refusal


class HttpConnection(web.RequestHandler):
    """aiohttp's, with an address, and with every answer in the form that all others have.

    Args:
        server: of the application.
        address: who shares with whom.
        on_refusal: called when what came was no request, and that is answered.
        on_end: called when it is closed.
        options: of aiohttp.

    Attributes:
        address: as given.
        has_begun: a request has come.
        lasts: that request may take as long as it likes.
    """

    def __init__(
        self,
        server: web.Server,
        address: str,
        on_refusal: Callable[[HttpConnection], None],
        on_end: Callable[[HttpConnection], None],
        **options: Any,
    ) -> None:
        """Wait for the connection."""
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self.address = address
        self.has_begun = self.lasts = False
        self._on_refusal = on_refusal
        self._on_end = on_end

    def abort(self) -> None:
        """Close it without waiting for the other side to take what is left."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell that it is closed."""
        super().connection_lost(exc)
        self._on_end(self)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no request, or one whose sender is gone, which nobody here need know.

        Raises:
            ConnectionError: part of another answer was sent already.
        """
        if request.writer.output_size > 0:
            raise ConnectionError("an answer broke off")
        self._on_refusal(self)
        reason = "this is no request that a browser makes" if status < 500 else "an error here"
        response = refused(Refusal(status, reason))
        response.force_close()
        return response
