"""The control page of a run: its server, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web

from stream.control.api import Api
from stream.control.desk import Desk
from stream.control.running import Running, forget
from stream.control.sockets import Sockets
from stream.errors import StreamError
from stream.live.control import LiveControl
from stream.live.preview import Preview
from stream.serve.photo_process import PhotoProcess
from stream.serve.site.addresses import addresses, not_listening
from stream.serve.site.files import VISITORS_PAGE, Files
from stream.serve.site.gate import Gate
from stream.serve.site.guard import Guard
from stream.serve.site.limits import Limits, Refusal
from stream.serve.site.listener import Listener
from stream.serve.site.settings import Settings

PAGE = Path(__file__).parent / "page"
#: Of the visitors' page.
SHARED = ("ask.js", "icon.svg", "page.css", "photo.js", "shown.js")
#: A person's own page: they press keys quickly, and have large photos.
LIMITS = Limits(
    max_message_bytes=16_000,
    max_messages_s=40,
    max_upload_bytes=40_000_000,
    kept_side=3840,
    max_decode_bytes=1_500_000_000,
    max_requests_s=20,
    max_all_requests_s=40,
)
#: How long the end may take; what is left then is left to the end of the program.
CLOSING_S = 5.0


class ControlServer:
    """Serves the page and the API of one run, from entering on; leaving it ends both.

    Args:
        settings: where and how.
        source: what the run reads, for people, without secrets.
        certificate: SHA-256 of that of `settings.tls`, `None` without.
        on_message: told, in one line each, where the page is, and what fails.

    Raises:
        StreamError: on entering: the address cannot be bound.
    """

    def __init__(
        self,
        settings: Settings,
        source: str,
        certificate: str | None,
        on_message: Callable[[str], None],
    ) -> None:
        """Prepare it."""
        self.settings = settings
        self._source, self._certificate, self._say = source, certificate, on_message
        self._desk: Desk | None = None
        self._note: Path | None = None
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._has_begun = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="control page", daemon=True)

    def __enter__(self) -> ControlServer:
        """Listen, and say where."""
        self._thread.start()
        self._has_begun.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        try:
            self._note = self._running().note()
        except StreamError as error:
            self._say(f"warning: `run.py control` will not find this program: {error}")
        for address in addresses(self.settings):
            self._say(f"control page: open {address}")
        return self

    def __exit__(self, *error: object) -> None:
        """End it, and every page that is open."""
        if self._note is not None:
            forget(self._note)
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it has ended by itself just now
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(CLOSING_S)

    def attend(self, control: LiveControl, preview: Preview) -> None:
        """Take over a run; see `stream.live.opening.Attend`."""
        self._desk = Desk(control, preview)

    def _running(self) -> Running:
        scheme = "https" if self.settings.tls is not None else "http"
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)
        name = f"[{host}]" if ":" in host else host
        address = f"{scheme}://{name}:{self.settings.port}"
        return Running(address, self.settings.token, self._certificate, os.getpid(), self._source)

    # === In its thread ===

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(self._overlook)
        try:
            self._loop.run_until_complete(self._serve())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        except StreamError as error:
            self._error = error
        except Exception as error:  # nobody waits for this thread: all else goes on
            self._error = error
            if self._has_begun.is_set():
                self._say(
                    f"control page: has ended ({type(error).__name__}: {error}); the run goes on"
                )
        finally:
            self._has_begun.set()
            self._loop.close()

    def _overlook(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Say in a line what went wrong where nobody waits for it, unless a connection broke."""
        error = context.get("exception")
        if not isinstance(error, OSError):
            what = f" ({type(error).__name__}: {error})" if error else ""
            self._say(f"warning: control page: {context['message']}{what}")

    async def _serve(self) -> None:
        settings = self.settings
        photos = PhotoProcess(settings.limits)
        sockets = Sockets(self._present, settings.limits)
        guard = Guard(settings, self._say, lasting=("/live",))
        listener = Listener(self._app(guard, photos, sockets), settings)
        async with contextlib.AsyncExitStack() as stack:  # each is closed, whatever another does
            stack.push_async_callback(listener.close)
            stack.push_async_callback(photos.close)
            stack.push_async_callback(self._leave_desk)
            stack.push_async_callback(sockets.close)
            try:
                _, port = await listener.start()
            except (OSError, UnicodeError) as error:
                where = ("--control", "port")
                raise StreamError(not_listening(settings, error, "--control", where)) from error
            self.settings = replace(settings, port=port)
            guard.gate = Gate(self.settings)
            self._has_begun.set()
            await self._stopping.wait()

    async def _leave_desk(self) -> None:
        if self._desk is not None:
            await self._desk.close()

    def _app(self, guard: Guard, photos: PhotoProcess, sockets: Sockets) -> web.Application:
        files = Files(PAGE, *(VISITORS_PAGE / name for name in SHARED))

        async def file(request: web.Request) -> web.StreamResponse:
            response = files.response(request.path)
            guard.gate.welcome(response)
            return response

        app = guard.application()
        for path in files.paths:
            app.router.add_get(path, file)
        app.router.add_get("/live", sockets.serve)
        Api(self._present, photos, self.settings.limits).add_routes(app)
        return app

    def _present(self) -> Desk:
        if self._desk is None:
            raise Refusal(503, "the run has not begun yet")
        return self._desk
