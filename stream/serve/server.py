"""The server of the page: its addresses, and the visitors who are there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from aiohttp import web

from stream.errors import StreamError
from stream.process_settings import settle_process
from stream.serve import webrtc
from stream.serve.fairness.addresses import sharer
from stream.serve.fairness.allowance import Allowance, Allowances
from stream.serve.fairness.places import NoPlace, Places
from stream.serve.fairness.turns import Turns
from stream.serve.masking import SHOWN_EFFECTS
from stream.serve.photo_process import PhotoProcess
from stream.serve.shared_networks import SharedNetworks
from stream.serve.site.addresses import not_listening
from stream.serve.site.bodies import read_object
from stream.serve.site.files import VISITORS_PAGE, Files
from stream.serve.site.gate import Gate
from stream.serve.site.guard import Guard
from stream.serve.site.limits import Refusal
from stream.serve.site.listener import Listener
from stream.serve.site.settings import Settings
from stream.serve.uploads import read_upload
from stream.serve.visitor import NEEDED, STOPPED, Visitor

#: Offers answered a second, which cost most of all that strangers can ask for, and so many seconds'
#: worth that is saved. Above them those are answered whose address makes few.
MAX_OFFERS_S, SAVED_S = 0.5, 20.0
FEW_S, FEW = 0.02, 2.0
#: So many offers of an address costs whoever sends far more than a browser does. Others may share
#: it: they wait some seconds, and after several of these a minute.
FLOOD_OFFERS = 20


class Server:
    """Serves the page and masks the video of its visitors.

    `start` binds it, `close` ends every visit. Both belong to one event loop.

    Args:
        settings: where and how.
        networks: shared by all visitors; whoever made them closes them.
        on_message: called with lines for the person at the terminal.

    Attributes:
        settings: with the port that was taken.
        visitors: by id; those who are there now, and those who try to come in.
    """

    def __init__(
        self, settings: Settings, networks: SharedNetworks, on_message: Callable[[str], None]
    ) -> None:
        """Prepare the routes."""
        self.settings = settings
        self.visitors: dict[str, Visitor] = {}
        self._networks = networks
        self._say = on_message
        limits = settings.limits
        self._files = Files(VISITORS_PAGE)
        self._guard = Guard(settings, on_message)
        self._places = Places(limits.max_visitors)
        self._turns = Turns(networks.num_threads)
        self._offers = Allowance(MAX_OFFERS_S, SAVED_S * MAX_OFFERS_S)
        self._offers_of = Allowances(limits.max_offers_minute / 60, limits.max_offers_minute)
        self._few_of = Allowances(FEW_S, FEW)
        self._attempts_told = Allowance(0.1, 5)
        self._photos = PhotoProcess(limits)
        self._listener = Listener(self._app(), settings)

    def _app(self) -> web.Application:
        app = self._guard.application()
        for path in self._files.paths:
            app.router.add_get(path, self._file)
        app.router.add_get("/settings", self._settings)
        app.router.add_post("/visits", self._arrive)
        app.router.add_put("/visits/{id}/background", self._upload)
        app.router.add_delete("/visits/{id}", self._leave)
        return app

    async def start(self) -> None:
        """Listen.

        Raises:
            StreamError: the address cannot be bound.
        """
        settle_process()
        webrtc.overlook_closed(asyncio.get_running_loop())
        try:
            address, port = await self._listener.start()
        except (OSError, UnicodeError) as error:
            raise StreamError(
                not_listening(self.settings, error, "serve", ("--host", "--port"))
            ) from error
        self.settings = replace(self.settings, port=port)
        self._guard.gate = Gate(self.settings)
        webrtc.restrict(self.settings.limits, address, is_loopback=self.settings.is_loopback)
        await self._photos.start()  # ready before the first one comes

    async def close(self) -> None:
        """Send every visitor away and stop listening."""
        visits = (visitor.end(STOPPED) for visitor in list(self.visitors.values()))
        await asyncio.gather(*visits, self._photos.close(), return_exceptions=True)
        await self._listener.close()

    # === What there is ===

    async def _file(self, request: web.Request) -> web.StreamResponse:
        response = self._files.response(request.path)
        self._guard.gate.welcome(response)
        return response

    async def _settings(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(
            {
                "effects": SHOWN_EFFECTS,
                "models": list(self._networks.segmenters),
                "stun": self.settings.stun,
                "max_upload_bytes": self.settings.limits.max_upload_bytes,
            }
        )

    async def _arrive(self, request: web.Request) -> web.StreamResponse:
        """Take a visitor: their offer, `{"sdp": ...}`, for an answer."""
        limits = self.settings.limits
        address = sharer(request.remote or "")
        if not self._may_try(address):
            raise Refusal(429, "too many attempts from this address; wait a minute")
        offer = webrtc.checked_offer(
            await _sdp(request, limits.max_offer_bytes),
            keep_candidates=self.settings.stun is not None,
        )
        try:
            oldest = self._places.attempt(self._present(), address)
        except NoPlace as none:
            raise Refusal(503 if none.all_taken else 429, none.reason) from none
        if oldest is not None:
            oldest.end_soon("no video arrived, and others came")
        visitor = Visitor(
            address,
            self._networks,
            self._turns,
            limits,
            self.settings.stun,
            on_seat=self._seat,
            on_end=self._gone,
        )
        self.visitors[visitor.id] = visitor
        try:
            answer = await visitor.answer(offer)
        except BaseException as error:
            await visitor.end(f"refused: {error}")
            raise
        return web.json_response({"id": visitor.id, "sdp": answer, "type": "answer"}, status=201)

    def _may_try(self, address: str) -> bool:
        is_one_of_few = self._few_of.allows(address)
        if not (is_one_of_few or self._offers.left >= 1) or not self._offers_of.allows(address):
            return False
        self._offers.spend(1)
        return True

    def _seat(self, visitor: Visitor) -> bool:
        """Give a visitor a place as the first frame comes; returns whether they get one."""
        leaving = self._places.seat(self._present(), visitor)
        if leaving is visitor:
            visitor.end_soon(self._places.taken_text)
            return False
        if leaving is not None:
            leaving.end_soon(NEEDED)
        num = 1 + sum(other.has_place for other in self._present())
        self._say(f"a visitor came ({num} of {self.settings.limits.max_visitors})")
        return True

    def _present(self) -> list[Visitor]:
        """Return those who are not about to leave."""
        return [visitor for visitor in self.visitors.values() if visitor.ended is None]

    def _gone(self, visitor: Visitor, reason: str) -> None:
        self.visitors.pop(visitor.id, None)
        if visitor.sent_too_much:
            left = self._offers_of.left(visitor.address)
            self._offers_of.spend(visitor.address, min(FLOOD_OFFERS, left + FLOOD_OFFERS))
        if visitor.num_received:
            self._say(f"a visitor left: {reason}")
        elif self._attempts_told.allows():
            self._say(f"somebody tried to come in: {reason}")

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        """Take the photo a visitor wants as background: the body, as it is."""
        visitor = self._visitor(request)
        if visitor.uploading:
            raise Refusal(409, "another background of yours is still being uploaded")
        visitor.uploading = True
        try:
            chunks = request.content.iter_chunked(1 << 16)
            data = await read_upload(chunks, request.content_length, self.settings.limits)
            photo = await self._photos.decode(data, visitor.address)
        finally:
            visitor.uploading = False
        if visitor.ended is None:
            visitor.masking.background = photo
        return web.json_response({"width": photo.shape[1], "height": photo.shape[0]})

    async def _leave(self, request: web.Request) -> web.StreamResponse:
        # of one who has left already, as when both sides see the connection close, it is no error
        if (visitor := self.visitors.get(request.match_info["id"])) is not None:
            await visitor.end("they said goodbye")
        return web.Response(status=204)

    def _visitor(self, request: web.Request) -> Visitor:
        visitor = self.visitors.get(request.match_info["id"])
        if visitor is None:
            raise Refusal(404, "there is no such visit, or it has ended")
        return visitor


async def _sdp(request: web.Request, max_bytes: int) -> str:
    """Return the session description in the body of a request."""
    sdp = (await read_object(request, max_bytes, "an offer")).get("sdp")
    if not isinstance(sdp, str):
        raise Refusal(400, "an offer must be JSON with sdp in it")
    return sdp
