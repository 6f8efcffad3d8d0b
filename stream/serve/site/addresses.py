"""Where a page is to be opened, and why it cannot be served there."""

from __future__ import annotations

import errno

from stream.serve.site.certificate import own_names
from stream.serve.site.settings import Settings


def not_listening(
    settings: Settings, error: Exception, command: str, where: tuple[str, str]
) -> str:
    """Return what to say where the address cannot be bound.

    Args:
        settings: with the address.
        error: why.
        command: what was to listen.
        where: the options that name the host and the port.
    """
    host, port = settings.host, settings.port
    number = error.errno if isinstance(error, OSError) else None
    advice = f"{where[0]} must be a name or an address of this machine"
    if number == errno.EADDRINUSE:
        advice = f"another program listens there; try another {where[1]}"
    elif number in (errno.EACCES, errno.EPERM):
        advice = f"only the system may use this port; try another {where[1]}, above 1023"
    reason = getattr(error, "strerror", None) or str(error)
    return f"{command}: cannot listen on {host}, port {port} ({reason}); {advice}"


def addresses(settings: Settings) -> list[str]:
    """Return what to open in a browser."""
    scheme = "https" if settings.tls is not None else "http"
    names = ["localhost" if settings.host == "127.0.0.1" else settings.host]
    if not settings.is_loopback:
        names = [name for name in own_names(settings.host) if name != "localhost"]
    query = f"?token={settings.token}" if settings.token else ""
    return [
        f"{scheme}://{f'[{name}]' if ':' in name else name}:{settings.port}/{query}"
        for name in names
    ]
