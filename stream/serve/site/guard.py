"""Every request passes here: it is checked, limited, and answered in one form where it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from aiohttp import http_exceptions, web

from stream.serve.site.gate import HEADERS, Gate, Handler, refused
from stream.serve.site.http_connection import HttpConnection
from stream.serve.site.limits import Refusal
from stream.serve.site.settings import Settings


class Guard:
    """Checks requests and limits their time; says in one sentence why one is refused.

    Args:
        settings: of the server.
        on_message: told, in one line, what fails here.
        lasting: paths of requests that take as long as they like, as a WebSocket does.

    Attributes:
        gate: decides who comes in; another one once the port is known.
    """

    def __init__(
        self,
        settings: Settings,
        on_message: Callable[[str], None],
        lasting: Collection[str] = (),
    ) -> None:
        """Prepare the checks."""
        self.gate = Gate(settings)
        self._max_s = settings.limits.max_request_s
        self._say = on_message
        self._lasting = lasting

    def application(self) -> web.Application:
        """Return an application whose requests all pass here."""
        app = web.Application(middlewares=[self._guard])
        app.on_response_prepare.append(_carry_headers)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self.gate.check(request)
            if request.path in self._lasting:
                assert isinstance(request.protocol, HttpConnection)
                request.protocol.lasts = True
                return await handler(request)
            async with asyncio.timeout(self._max_s):
                return await handler(request)
        except Refusal as refusal:
            return refused(refusal)
        except web.HTTPException as error:
            return refused(Refusal(error.status, error.reason))
        except TimeoutError:
            return refused(Refusal(408, "the request took too long"))
        except (ConnectionError, web.RequestPayloadError, http_exceptions.BadHttpMessage):
            return refused(Refusal(400, "the request broke off, or is none"))
        except Exception as error:
            self._say(f"warning: a request failed: {type(error).__name__}: {error}")
            return refused(Refusal(500, "an error on this side"))


async def _carry_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
