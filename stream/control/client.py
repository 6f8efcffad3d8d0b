"""Asks the program that runs, from another one: what `run.py control` does."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from stream.control.running import Running, running
from stream.errors import StreamError

#: A photo takes longest, which the other side decodes.
PATIENCE_S = 30.0
_NONE_RUNS = "no program of yours runs with --control; begin one: run.py --control"


class Client:
    """Speaks with one program.

    Args:
        program: which.
        note: its file, deleted where it turns out that the program is gone.
    """

    def __init__(self, program: Running, note: Path | None = None) -> None:
        """Ask nothing yet."""
        self._program, self._note = program, note

    @classmethod
    def found(cls, port: int | None = None) -> Client:
        """Return one for the program that runs.

        Args:
            port: of its page, where several run.

        Raises:
            StreamError: none runs, or several.
        """
        here = []
        for note, program in running().items():
            if program.has_ended:
                note.unlink(missing_ok=True)
            elif port is None or program.port == port:
                here.append(cls(program, note))
        if len(here) > 1:
            here = [client for client in here if client.is_there()]
        if not here:
            at = "" if port is None else f" at port {port}"
            raise StreamError(f"control: {_NONE_RUNS}{at}")
        if len(here) > 1:
            ports = ", ".join(f"{c._program.port} ({c._program.source})" for c in here)
            raise StreamError(f"control: several programs run; name one by --port: {ports}")
        return here[0]

    def is_there(self) -> bool:
        """Whether the program answers; the file of one that does not is deleted."""
        try:
            self.state()
        except StreamError:
            return self._note is None or self._note.exists()
        return True

    def state(self) -> dict[str, Any]:
        """Return how the run stands, as `GET /state` tells it."""
        return self._ask("GET", "/state")

    def set(self, wishes: Mapping[str, object]) -> dict[str, Any]:
        """Do what is asked; returns how the run stands then.

        Raises:
            StreamError: it cannot be done; says why.
        """
        return self._ask("PATCH", "/state", json.dumps(dict(wishes)).encode())

    def add_background(self, photo: Path) -> dict[str, Any]:
        """Put a photo behind the people; returns how the run stands then.

        Raises:
            StreamError: it cannot be read, or is none.
        """
        try:
            data = photo.read_bytes()
        except OSError as error:
            raise StreamError(f"{photo}: cannot be read ({error.strerror})") from error
        return self._ask("PUT", f"/background?name={quote(photo.name)}", data)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        try:
            with contextlib.closing(self._connected()) as connection:
                connection.request(method, path, body, self._headers())
                response = connection.getresponse()
                told = json.loads(response.read())
        except ConnectionRefusedError as error:
            self._forget()
            raise StreamError(f"control: {_NONE_RUNS}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise StreamError(
                f"control: {self._program.address} does not answer as it should ({reason})"
            ) from error
        if response.status >= 400:
            raise StreamError(f"control: {told.get('error', response.reason)}")
        return dict(told)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._program.token is not None:
            headers["Authorization"] = f"Bearer {self._program.token}"
        return headers

    def _connected(self) -> http.client.HTTPConnection:
        """Return a connection; the certificate must be the one that the program has noted."""
        parts = urlsplit(self._program.address)
        assert parts.hostname is not None
        if parts.scheme != "https":
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=PATIENCE_S, context=context
        )
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        shown = hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(shown, (self._program.certificate or "").lower()):
            connection.close()
            raise ssl.SSLError("its certificate is another one")
        return connection

    def _forget(self) -> None:
        """Delete the file of a program that was killed."""
        if self._note is not None:
            self._note.unlink(missing_ok=True)
