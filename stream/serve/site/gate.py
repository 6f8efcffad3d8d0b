"""Who may come in, and what every answer carries."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable

from aiohttp import web

from stream.serve.site.limits import Refusal
from stream.serve.site.settings import Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "Server": "maskcast",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Gate:
    """Checks every request before anything else sees it.

    Args:
        settings: address, token and whether there is TLS.
    """

    def __init__(self, settings: Settings) -> None:
        """Prepare the checks."""
        self._settings = settings
        self._scheme = "https" if settings.tls is not None else "http"
        self.cookie = f"maskcast_{settings.port}"

    def check(self, request: web.Request) -> None:
        """Let a request pass.

        Raises:
            Refusal: it comes from another page, under another name, or without the token.
        """
        host = request.headers.get("Host", "")
        if self._settings.is_loopback and not _is_loopback_name(host):
            raise Refusal(403, "this server answers to localhost only")
        origin = request.headers.get("Origin")
        unasked = (
            ("GET", "HEAD", "PUT", "PATCH") if self._settings.for_programs else ("GET", "HEAD")
        )
        if origin is None and request.method not in unasked:
            raise Refusal(403, "the request does not say which page it comes from")
        if origin is not None and origin.lower() != f"{self._scheme}://{host}".lower():
            raise Refusal(403, "the request comes from another page")
        if self._settings.for_programs and _is_foreign(request):
            raise Refusal(403, "the request comes from another page")
        if self._settings.token is not None:
            self._check_token(request, self._settings.token)

    def _check_token(self, request: web.Request, token: str) -> None:
        kind, _, borne = request.headers.get("Authorization", "").partition(" ")
        borne = borne.strip() if kind.lower() == "bearer" else ""
        places = request.query.get("token"), request.cookies.get(self.cookie), borne
        given = [text for text in places if text]
        if not given:
            raise Refusal(401, "the token is missing: open the address this server has printed")
        wanted = token.encode()
        if not any(hmac.compare_digest(text.encode(errors="replace"), wanted) for text in given):
            raise Refusal(403, "the token is wrong: open the address this server has printed")

    def welcome(self, response: web.StreamResponse) -> None:
        """Let the browser keep the token, out of reach of scripts and of other sites."""
        if self._settings.token is not None:
            response.set_cookie(
                self.cookie,
                self._settings.token,
                httponly=True,
                secure=self._settings.tls is not None,
                samesite="Strict",
            )


def _is_foreign(request: web.Request) -> bool:
    """Whether a browser says that another page asks, but for a link that was followed."""
    says = request.headers.get("Sec-Fetch-Site", "none")
    is_link = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.path == "/"
    return says not in ("none", "same-origin") and not is_link


def refused(refusal: Refusal) -> web.Response:
    """Return the answer to a request that is refused, with what every answer carries."""
    return web.json_response({"error": refusal.reason}, status=refusal.status, headers=HEADERS)


def _is_loopback_name(host: str) -> bool:
    """Whether the Host header names this machine as seen from itself, with any port."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return is_loopback(name.strip("[]"))


def is_loopback(name: str) -> bool:
    """Whether only this machine is reached under a name or address."""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
