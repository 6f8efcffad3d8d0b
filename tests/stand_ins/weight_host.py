"""A server of weights on loopback that answers as it is told to."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from segmentation.errors import WeightsError
from segmentation.weights import store
from segmentation.weights.presets import HDF5_SIGNATURE, Preset

CONTENT = HDF5_SIGNATURE + np.random.default_rng(0).bytes(300_000)
CHANGED = HDF5_SIGNATURE + np.random.default_rng(1).bytes(300_000)
NAME, PART, VERSION = "tiny.h5", "tiny.h5.part", "tiny.h5.part.json"
RECORD, LOCK = "tiny.h5.sha256", "tiny.h5.lock"
WHOLE = {NAME, RECORD, LOCK}


class Host(ThreadingHTTPServer):
    """Serves `content` with an ETag and ranges; each of `answers` replaces one answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.answers: list[Callable[[Handler], None]] = []
        self.ranges: list[str | None] = []
        self.statuses: list[int] = []
        self.released = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_address[1]}/weights"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Host

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers["Range"])
        answer = self.server.answers.pop(0) if self.server.answers else ranged
        answer(self)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.server.statuses.append(status)
        self.send_response(status)
        for key, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def ranged(handler: Handler) -> None:
    content = handler.server.content
    asked = handler.headers["Range"]
    if asked is None or handler.headers["If-Range"] != etag(content):
        handler.send(200, content, ETag=etag(content))
        return
    first = int(asked.removeprefix("bytes=").removesuffix("-"))
    span = f"bytes {first}-{len(content) - 1}/{len(content)}"
    handler.send(206, content[first:], ETag=etag(content), Content_Range=span)


def whole(handler: Handler) -> None:
    handler.send(200, handler.server.content, ETag=etag(handler.server.content))


def cut(num_bytes: int, **headers: str) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        content = handler.server.content
        length = {"Content_Length": str(len(content)), "ETag": etag(content)}
        handler.send(200, content[:num_bytes], **(length | headers))

    return answer


def says(status: int, body: bytes = b"", **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.send(status, body, **headers)


def chunked(content: bytes, ended: bool = True) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("ETag", etag(handler.server.content))
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        handler.wfile.write(b"0\r\n\r\n" if ended else b"")
        handler.close_connection = True

    return answer


def fetch(preset: Preset) -> Path:
    return store.fetch(preset, lambda num_done, num_bytes: None)


def left(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()}


def fails(preset: Preset, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        fetch(preset)
    assert "\n" not in str(caught.value)
