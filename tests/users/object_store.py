"""A server that speaks S3, with accidents where they are asked for."""

from __future__ import annotations

import gc
import logging
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
#: What is done instead of answering as one should, `None` for nothing: "500" (an error), "cut" (the
#: connection, in the middle of what is sent), "late" (no answer for so long that nobody waits).
Accident = Callable[[str, str], str | None]

BUCKET = "films"
THREAD = "object store"
LATE_S = 20.0  # longer than anybody waits


class ObjectStore:
    """The server; what it holds survives its restarts.

    Attributes:
        port: at which it listens, the same after a restart.
        accident: asked for each request with its method and path.
        requests: of which it has heard, likewise.
    """

    def __init__(self) -> None:
        """Start it."""
        self.port = 0
        self.accident: Accident = lambda method, path: None
        self.requests: list[tuple[str, str]] = []
        self.start()

    def start(self) -> None:
        """Start it again."""
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", self.port, self._around(application), threaded=True)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True, name=THREAD
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _around(self, application: Application) -> Application:
        def answer(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            method, path = environment["REQUEST_METHOD"], environment["PATH_INFO"]
            self.requests.append((method, path))
            match self.accident(method, path):
                case "500":
                    start("500 Internal Server Error", [("Content-Length", "0")])
                    return [b""]
                case "late":
                    time.sleep(LATE_S)
                    raise ConnectionError
                case "cut":
                    if method in ("PUT", "POST"):
                        environment["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
                        raise ConnectionError
                    return _half(application(environment, start))
            return application(environment, start)

        return answer


def _half(answer: Iterable[bytes]) -> Iterator[bytes]:
    """Give half of an answer, of which the whole length was announced."""
    data = b"".join(answer)
    yield data[: len(data) // 2]
    raise ConnectionError


def own_scratch(patch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Make a folder inside another one for temporary files, of this process and those it starts."""
    scratch = folder / "scratch"
    scratch.mkdir()
    patch.setenv("TMPDIR", str(scratch))
    patch.setattr(tempfile, "tempdir", None)
    return scratch


@contextmanager
def object_store(patch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """Give a server with an empty bucket, which this process and those it starts find.

    One for all that ask, one after the other: to start it takes half a second.
    """
    import fsspec
    from moto.core.models import botocore_stubber  # noqa: F401  (its import is slow)
    from s3fs import S3FileSystem

    store = _store()
    store.requests.clear()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{store.port}",
        "AWS_ACCESS_KEY_ID": "key-of-a-test",
        "AWS_SECRET_ACCESS_KEY": "secret-of-a-test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }.items():
        patch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    files = fsspec.filesystem("s3")
    with suppress(FileNotFoundError):
        files.rm(BUCKET, recursive=True)
    files.mkdir(BUCKET)
    try:
        yield store
    finally:
        store.accident = lambda method, path: None
        S3FileSystem.clear_instance_cache()
        for thread in threading.enumerate():
            if "process_request" in thread.name:  # somebody left before they were answered
                thread.join()
        gc.collect()  # what was cut off is this test's, not that of whoever comes next


@cache
def _store() -> ObjectStore:
    return ObjectStore()
