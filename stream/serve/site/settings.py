"""Where and how the page is served."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from stream.serve.site.limits import Limits


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one server.

    Attributes:
        host: name or address it is bound to.
        port: 0 takes a free one.
        is_loopback: only this machine reaches it.
        token: what a visitor must know, `None` on loopback.
        for_programs: as well as browsers; what no foreign page can send unasked, PUT and PATCH,
            need not say which page it comes from.
        tls: certificate and key, `None` for plain HTTP.
        stun: "stun:HOST:PORT", `None` for no such server.
        limits: on what visitors send.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    is_loopback: bool = True
    token: str | None = None
    for_programs: bool = False
    tls: ssl.SSLContext | None = None
    stun: str | None = None
    limits: Limits = field(default_factory=Limits)
