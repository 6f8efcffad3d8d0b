"""The API: what programs ask of a run by HTTP, one request each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from aiohttp import web

from stream.control.desk import Desk
from stream.control.state import schema
from stream.serve.photo_process import PhotoProcess
from stream.serve.site.bodies import read_object
from stream.serve.site.limits import Limits, Refusal
from stream.serve.uploads import read_upload

MAX_NAME = 60  # characters of a background's name


class Api:
    """Answers requests.

    Args:
        desk: returns the run; raises `Refusal` while there is none.
        photos: decodes backgrounds.
        limits: on what is sent.
    """

    def __init__(self, desk: Callable[[], Desk], photos: PhotoProcess, limits: Limits) -> None:
        """Answer nothing yet."""
        self._desk, self._photos, self._limits = desk, photos, limits
        self._is_uploading = False

    def add_routes(self, app: web.Application) -> None:
        """Add what can be asked."""
        app.router.add_get("/schema", self._schema)
        app.router.add_get("/state", self._state)
        app.router.add_patch("/state", self._set)
        app.router.add_put("/background", self._background)
        app.router.add_get("/preview.jpg", self._picture)

    async def _schema(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"actions": schema()})

    async def _state(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._desk().state())

    async def _set(self, request: web.Request) -> web.StreamResponse:
        desk = self._desk()
        wishes = await read_object(request, self._limits.max_message_bytes, "what is set")
        return web.json_response(await desk.set(wishes))

    async def _background(self, request: web.Request) -> web.StreamResponse:
        """Take a photo as background: the body, as it is; `?name=` is what it is called."""
        desk = self._desk()
        if self._is_uploading:
            raise Refusal(409, "another background is still being uploaded")
        self._is_uploading = True
        try:
            chunks = request.content.iter_chunked(1 << 16)
            data = await read_upload(chunks, request.content_length, self._limits)
            photo = await self._photos.decode(data, request.remote or "")
        finally:
            self._is_uploading = False
        return web.json_response(await desk.add_background(_name(request), photo))

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=await self._desk().picture(), content_type="image/jpeg")


def _name(request: web.Request) -> str:
    """Return what a background is called: a file's name without what no list should show."""
    name = PurePath(request.query.get("name", "").replace("\\", "/")).name
    shown = "".join(character for character in name if character.isprintable())
    return shown[:MAX_NAME] or "photo"
