"""Senders on this machine that break off, fall silent, begin again and change."""

from __future__ import annotations

import contextlib
import http.server
import random
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import imageio_ffmpeg
import psutil

from tests.ffmpeg_reference import ffmpeg


class Line:
    """A connection to somebody who reads."""

    def __init__(self, peer: socket.socket, is_off: threading.Event) -> None:
        self._peer, self._is_off = peer, is_off

    def send(self, data: bytes, *, seconds: float = 0.0) -> None:
        """Write data, bit by bit where it shall take so long."""
        size = -(-len(data) // 20) if seconds else len(data)
        for start in range(0, len(data), size):
            self._peer.sendall(data[start : start + size])
            self._is_off.wait(seconds / 20)

    def reader(self) -> IO[bytes]:
        """Return what they send, as a file."""
        return self._peer.makefile("rb")

    def stay_silent(self) -> None:
        """Send nothing any more, until the reader leaves or the camera is switched off."""
        self._peer.settimeout(0.02)
        while not self._is_off.is_set():
            with contextlib.suppress(TimeoutError):
                if not self._peer.recv(1):
                    return


#: Gets the number of a connection, from 0, and the connection; at its end that is closed.
Serve = Callable[[int, Line], None]


def recording(path: Path, *, size: str = "64x48", seconds: float = 1, first_s: float = 0.0) -> Path:
    """Write MPEG-TS with 10 frames a second, each a keyframe, on a clock that begins anywhere."""
    picture = f"testsrc2=size={size}:rate=10:duration={seconds}"
    coded = ("-c:v", "mpeg2video", "-g", "1", "-muxdelay", "0")
    ffmpeg("-f", "lavfi", "-i", picture, *coded, "-output_ts_offset", str(first_s), path)
    return path


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port at which nobody listens, and none that systems give to who asks for any.

    Those are given again and again, to every connection that other tests make meanwhile.
    """
    while True:
        number = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket(socket.AF_INET, kind) as taken, contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", number))
            return number


def wait_until_bound(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has taken its port, so that nothing sent there is refused."""
    deadline = time.monotonic() + 20
    while not any(
        taken.laddr and taken.laddr.port == port
        for taken in psutil.Process(process.pid).net_connections()
    ):
        assert process.poll() is None, f"nobody receives at port {port}"
        assert time.monotonic() < deadline, f"nobody took port {port}"
        time.sleep(0.02)


@contextlib.contextmanager
def _serving(
    handler: type[socketserver.BaseRequestHandler],
    kind: type[socketserver.TCPServer] = socketserver.ThreadingTCPServer,
) -> Iterator[str]:
    with kind(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def tcp_camera(serve: Serve) -> Iterator[str]:
    """Serve each connection, one after the other; gives the address."""
    count, is_off = iter(range(1000)), threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                serve(next(count), Line(self.request, is_off))

    with _serving(Handler, socketserver.TCPServer) as place, _switched_off(is_off):
        yield f"tcp://{place}"


@contextlib.contextmanager
def http_camera(serve: Serve, headers: dict[str, str]) -> Iterator[str]:
    """Serve each request after `headers`; gives the address."""
    count, is_off = iter(range(1000)), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.flush()
            with contextlib.suppress(OSError):
                serve(next(count), Line(self.request, is_off))

        def log_message(self, format: str, *arguments: object) -> None:
            """Print nothing."""

    with _serving(Handler) as place, _switched_off(is_off):
        yield f"http://{place}"


@contextlib.contextmanager
def _switched_off(is_off: threading.Event) -> Iterator[None]:
    try:
        yield
    finally:
        is_off.set()


@contextlib.contextmanager
def web_folder(folder: Path) -> Iterator[str]:
    """Serve the files of a folder; gives its address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, format: str, *arguments: object) -> None:
            """Print nothing."""

    with _serving(Handler) as place:
        yield f"http://{place}"


@contextlib.contextmanager
def sending(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run an ffmpeg that sends; it is killed at the end."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()
