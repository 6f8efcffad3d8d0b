"""What comes with a request, of which no more is read than is allowed."""

from __future__ import annotations

import json

from aiohttp import web

from stream.serve.site.limits import Refusal


async def read_object(request: web.Request, max_bytes: int, what: str) -> dict[str, object]:
    """Return the JSON object in the body of a request.

    Args:
        request: the request.
        max_bytes: of its body.
        what: that it is, for people.

    Raises:
        Refusal: it is too large, or something else.
    """
    body = bytearray()
    async for chunk in request.content.iter_chunked(1 << 14):
        body += chunk
        if len(body) > max_bytes:
            raise Refusal(413, f"{what} may have {max_bytes} bytes at most")
    return as_object(bytes(body), what)


def as_object(data: bytes | str, what: str) -> dict[str, object]:
    """Return the JSON object in a text.

    Raises:
        Refusal: it is something else.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"{what} must be a JSON object") from error
    if not isinstance(found, dict):
        raise Refusal(400, f"{what} must be a JSON object")
    return found
