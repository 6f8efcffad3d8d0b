"""One file over http or https into a `.part` file: goes on where it was cut off, never guesses."""

from __future__ import annotations

import errno
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from segmentation.errors import WeightsError
from segmentation.weights.unfinished_files import discard, disk_errors, version_file

#: called with the bytes on disk and the bytes of the whole file
OnProgress = Callable[[int, int], None]

#: longest silence of a server
TIMEOUT_S = 30.0
#: before another attempt, where one may help
PAUSES_S = (1.0, 3.0, 9.0)

_CHUNK_BYTES = 1 << 18
_BY_HAND = "or get the file by hand and name it with --weights FILE"


class _Passing(Exception):
    """A failure that may be over at the next attempt; its text goes into the `WeightsError`."""


@dataclass(frozen=True)
class _Version:
    """What a server said about the file it sends, kept beside the part to recognise it again."""

    address: str
    validator: str | None
    num_bytes: int | None


def download(address: str, part: Path, on_progress: OnProgress, num_bytes: int | None) -> None:
    """Complete `part` from `address`.

    What is there already is gone on with where the server still has the same version of the file
    (RFC 9110, sections 13.1.5 and 14), else it starts over. Attempts that were cut off, timed out
    or met a busy server are repeated after each of `PAUSES_S`. After an error `part` stays, for
    the next call, unless its content is wrong.

    Args:
        address: http or https. Redirects are followed to these only, and never from https to http.
        part: file to write to, in a folder that exists.
        on_progress: called after every piece.
        num_bytes: size of the whole file, where it is known beforehand.

    Raises:
        WeightsError: the file cannot be had, or is another one, or cannot be written.
    """
    for pause_s in (*PAUSES_S, None):
        try:
            _attempt(address, part, on_progress, num_bytes)
            return
        except _Passing as error:
            if pause_s is None:
                raise WeightsError(f"{address}: {error}") from error
            time.sleep(pause_s)


def _attempt(address: str, part: Path, on_progress: OnProgress, num_bytes: int | None) -> None:
    version, num_done = _resumable(address, part)
    if version is not None and num_done == version.num_bytes:
        on_progress(num_done, num_done)
        return
    request = urllib.request.Request(address, headers={"User-Agent": "maskcast"})
    if version is not None and version.validator is not None:
        request.add_header("Range", f"bytes={num_done}-")
        request.add_header("If-Range", version.validator)
    with _answer(request, part) as response:
        offered = _offered(address, response, num_done)
        if response.status == 206 and offered != version:
            discard(part)
            raise _Passing("the file changed while it was fetched; try again later")
        if response.status != 206:
            num_done = 0
        whole = _whole_size(address, part, offered.num_bytes, num_bytes)
        with disk_errors(part):
            if shutil.disk_usage(part.parent).free < whole - num_done:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if num_done == 0:
                discard(part)
                version_file(part).write_text(json.dumps(asdict(replace(offered, num_bytes=whole))))
        _receive(response, part, num_done, whole, on_progress)
        if offered.num_bytes is None and _read(response, 1):
            discard(part)
            raise _another(address, f"more than {whole}", whole)


def _resumable(address: str, part: Path) -> tuple[_Version | None, int]:
    """Return the version `part` belongs to and its bytes; `None` and 0 where it is of no use."""
    try:
        version = _Version(**json.loads(version_file(part).read_text()))
        num_done = part.stat().st_size
    except (OSError, ValueError, TypeError):
        return None, 0
    usable = version.address == address and version.validator is not None and num_done > 0
    return (version, num_done) if usable else (None, 0)


# === Asking ===


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https, never from https to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request that follows; the arguments are urllib's."""
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and (scheme != "http" or req.type == "https"):
            fp.close()
            raise WeightsError(
                f"{req.full_url}: redirects to where nothing may be fetched from ({scheme}); "
                f"check the network, {_BY_HAND}"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def _answer(request: urllib.request.Request, part: Path) -> Iterator[Any]:
    """Open the request and give the answer; an answer that is none of 200 and 206 is an error."""
    address = request.full_url
    if request.type not in ("http", "https"):
        raise WeightsError(f"{address}: expected an http or https address")
    try:
        response = urllib.request.build_opener(_Redirects).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(address, error.code, part) from error
    except urllib.error.URLError as error:
        raise _no_connection(address, error.reason) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _no_connection(address, error) from error
    with response:
        yield response


def _refusal(address: str, status: int, part: Path) -> Exception:
    if status == 416:
        discard(part)
        return _Passing("the server does not go on from where it was cut off; try again")
    if status in (408, 429) or status >= 500:
        return _Passing(f"the server is busy or broken (status {status}); try again later")
    if status in (404, 410):
        what = f"no such file there (status {status}); it may have moved"
    elif 300 <= status < 400:
        what = f"redirects that lead nowhere (status {status})"
    else:
        what = f"the server refuses it (status {status})"
    return WeightsError(f"{address}: {what}; look at its source, {_BY_HAND}")


def _no_connection(address: str, reason: object) -> Exception:
    host = urlsplit(address).hostname
    if isinstance(reason, TimeoutError):
        return _Passing(f"no answer within {TIMEOUT_S:g} s; check the network, {_BY_HAND}")
    if isinstance(reason, ssl.SSLError):
        what = f"{host}: the connection is not secure ({type(reason).__name__})"
    elif isinstance(reason, socket.gaierror):
        what = f"{host}: not found, no network perhaps"
    elif isinstance(reason, ConnectionRefusedError):
        what = f"{host}: the connection was refused"
    elif isinstance(reason, ConnectionError):
        return _Passing(f"the connection was cut off; check the network, {_BY_HAND}")
    elif isinstance(reason, OSError):
        what = f"{host}: not reached, no network perhaps ({reason.strerror or reason})"
    else:
        what = f"{host}: no proper answer ({type(reason).__name__})"
    return WeightsError(f"{address}: {what}; check the network, {_BY_HAND}")


# === What the server says it sends ===


def _offered(address: str, response: Any, num_done: int) -> _Version:
    """Return what a 200 or 206 announces; anything but the file's bytes is an error.

    Args:
        address: asked for.
        response: urllib's, opened.
        num_done: bytes on disk; a 206 must begin there and go to the end.
    """
    headers = response.headers
    if headers.get_content_type() == "text/html":
        raise WeightsError(
            f"{address}: a web page came instead of the file, "
            f"the network may ask you to sign in; look with a browser, {_BY_HAND}"
        )
    length = headers.get("Content-Length", "")
    num_bytes = int(length) if re.fullmatch(r"[0-9]{1,15}", length) else None
    if response.status == 206:
        span = re.fullmatch(
            r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})", headers.get("Content-Range", "")
        )
        first, last, num_bytes = map(int, span.groups()) if span else (-1, -1, None)
        if first != num_done or num_bytes != last + 1:
            num_bytes = None
    elif response.status != 200:
        raise WeightsError(f"{address}: unexpected status {response.status}; {_BY_HAND}")
    etag = headers.get("ETag", "")
    # a weak tag may stay the same when bytes change
    strong = etag if etag.startswith('"') else None
    return _Version(address, strong or headers.get("Last-Modified"), num_bytes)


def _whole_size(address: str, part: Path, offered: int | None, expected: int | None) -> int:
    if offered is not None and expected is not None and offered != expected:
        discard(part)
        raise _another(address, str(offered), expected)
    whole = expected if offered is None else offered
    if whole is None:
        raise WeightsError(f"{address}: the server does not say how long the file is; {_BY_HAND}")
    return whole


def _another(address: str, num_bytes: str, expected: int) -> WeightsError:
    return WeightsError(
        f"{address}: the file there has {num_bytes} bytes, expected {expected}, "
        f"so it is another one; look at its source, {_BY_HAND}"
    )


# === Receiving ===


def _receive(
    response: Any, part: Path, num_done: int, num_bytes: int, on_progress: OnProgress
) -> None:
    """Append the body to `part` until it has `num_bytes`."""
    with disk_errors(part):
        file = open(part, "ab")
    with file:
        while num_done < num_bytes:
            piece = _read(response, min(_CHUNK_BYTES, num_bytes - num_done))
            if not piece:
                raise _Passing(
                    f"cut off after {num_done} of {num_bytes} bytes; "
                    "fetch again to go on from there"
                )
            with disk_errors(part):
                file.write(piece)
                file.flush()
            num_done += len(piece)
            on_progress(num_done, num_bytes)
        with disk_errors(part):
            os.fsync(file.fileno())


def _read(response: Any, num_bytes: int) -> bytes:
    """Return the next bytes, as soon as there are any; empty at the end and when cut off."""
    try:
        return bytes(response.read1(num_bytes))
    except TimeoutError as error:
        raise _Passing(
            f"the server sent nothing for {TIMEOUT_S:g} s; fetch again to go on from there"
        ) from error
    except (OSError, http.client.HTTPException, ValueError):
        return b""
