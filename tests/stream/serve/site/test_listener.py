"""The page's socket: who says nothing, dribbles, hangs up, asks all the time, speaks no HTTP."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

from stream.serve.site.certificate import self_signed
from stream.serve.site.files import VISITORS_PAGE, Files
from stream.serve.site.gate import HEADERS
from stream.serve.site.limits import Limits
from stream.serve.site.listener import LITTLE
from stream.serve.site.settings import Settings
from tests.users.serving import Finds, Served, served

WAIT_S = 30.0


def page(running: Served, local_address: str | None = None, host: str = "127.0.0.1") -> int:
    """Ask for the page; returns the status."""
    source = (local_address, 0) if local_address else None
    connection = http.client.HTTPConnection(
        host, running.server.settings.port, timeout=WAIT_S, source_address=source
    )
    with contextlib.closing(connection):
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
        return response.status


def answered(running: Served) -> bool:
    try:
        return page(running) == 200
    except (http.client.HTTPException, OSError):
        return False


def ended(one: socket.socket) -> bool:
    """Wait for the other side to close."""
    one.settimeout(WAIT_S)
    try:
        while one.recv(4096):
            pass
    except ConnectionResetError:
        pass
    one.close()
    return True


def test_connections_that_say_nothing(here: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.serve.site.listener.MAX_SILENCE_S", 1.0)
    address = ("127.0.0.1", here.server.settings.port)
    silent = [socket.create_connection(address) for _ in range(80)]
    for one in silent[:40]:
        one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    assert all(ended(one) for one in silent)
    assert page(here) == 200


HALVES = {
    "a header without an end": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-a: ",
    "a body that dribbles": (
        b"POST /visits HTTP/1.1\r\nHost: localhost:PORT\r\nOrigin: http://localhost:PORT\r\n"
        b"Content-Length: 50000\r\n\r\n"
    ),
    "nothing": b"",
}


@contextmanager
def dribbling(port: int, begin: bytes, address: str, num: int) -> Iterator[None]:
    """Hold so many requests that go on for ever, each of them begun anew when it is closed."""
    over = threading.Event()

    def dribble() -> None:
        while not over.is_set():
            try:
                with socket.create_connection(
                    ("127.0.0.1", port), 5, source_address=(address, 0)
                ) as one:
                    one.sendall(begin.replace(b"PORT", str(port).encode()))
                    while not over.wait(0.3):
                        one.sendall(b"a" if begin else b"")
                        if not begin:
                            one.settimeout(0.1)
                            if not one.recv(1):
                                break
            except TimeoutError:
                pass
            except OSError:
                over.wait(0.05)

    threads = [threading.Thread(target=dribble) for _ in range(num)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("name", HALVES)
def test_halves_of_requests_keep_nobody_out(here: Served, name: str) -> None:
    port = here.server.settings.port
    with dribbling(port, HALVES[name], "127.0.0.1", 80):
        time.sleep(1.0)

        for _ in range(10):
            assert page(here, "127.0.0.2") == 200
        if b"POST" not in HALVES[name]:  # to which there is an answer after some attempts
            assert sum(answered(here) for _ in range(10)) >= 4


def test_those_who_ask_all_the_time(finds: Finds) -> None:
    """They are refused; others, and after a while they too, get what they ask for."""
    limits = Limits(max_requests_s=1)
    with served(finds, settings=Settings(port=0, limits=limits)) as running:
        answers = [answered(running) for _ in range(60)]
        assert answers[:5] == [True] * 5
        assert sum(answers) < 50
        assert page(running, "127.0.0.2") == 200
        end = time.monotonic() + WAIT_S
        while not answered(running):
            assert time.monotonic() < end
            time.sleep(0.2)
    assert running.errors == []


def test_those_who_talk_nonsense_all_the_time(finds: Finds) -> None:
    """What is no request is counted as one."""
    num_answers = 0
    with served(finds, settings=Settings(port=0, limits=Limits(max_requests_s=1))) as running:
        for _ in range(60):
            with contextlib.suppress(ConnectionError):
                address = ("127.0.0.1", running.server.settings.port)
                with socket.create_connection(address) as one:
                    one.sendall(b"\x16\x03\x01\r\n\r\n")
                    num_answers += bool(one.recv(4096))
        assert 5 <= num_answers < 50
        assert page(running, "127.0.0.2") == 200


def test_several_who_ask_all_the_time(here: Served) -> None:
    """What all of them may ask is used up; who has not asked yet gets in."""

    async def use_up() -> None:
        listener = here.server._listener
        listener._requests.spend(1000)
        listener._little_of.spend("127.0.0.1", 60)

    here.call(use_up())
    assert not answered(here)
    assert page(here, "127.0.0.2") == 200


def test_what_each_address_may_always_ask_for_is_a_page() -> None:
    assert len(Files(VISITORS_PAGE).paths) + len(("settings", "visits", "background")) <= LITTLE


def test_what_is_refused_costs_an_address_four_times_as_much(here: Served) -> None:
    def left() -> float:
        async def look() -> float:
            return here.server._listener._requests_of.left("127.0.0.1")

        return float(here.call(look()))

    def asks(path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", here.server.settings.port)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status

    def spent(path: str, status: int) -> float:
        before, began = left(), time.monotonic()
        assert [asks(path) for _ in range(5)] == [status] * 5
        earned = (time.monotonic() - began) * here.server.settings.limits.max_requests_s
        return (before - left() + earned) / 5

    asks("/")  # so that the allowance is no longer full, which would earn nothing
    spent("/", 200)
    assert spent("/", 200) == pytest.approx(1, abs=0.3)
    assert spent("/nothing", 404) == pytest.approx(4, abs=0.3)


def test_a_storm_is_not_accepted_faster_than_it_is_dealt_with(here: Served) -> None:
    async def use_up() -> None:
        here.server._listener._accepted.spend(10_000)

    here.call(use_up())
    assert page(here) == 200  # for one it waited already
    address = ("127.0.0.1", here.server.settings.port)
    waiting = socket.create_connection(address)  # by the system, which holds it for us
    waiting.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    waiting.settimeout(0.5)
    with pytest.raises(TimeoutError):
        waiting.recv(1)

    async def go_on() -> None:
        here.server._listener._accepted.spend(-10_000)

    here.call(go_on())
    waiting.settimeout(WAIT_S)
    assert waiting.recv(12) == b"HTTP/1.1 200"
    waiting.close()


BROKEN = {
    "no method": b"G\x00T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
    "a line too long": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a header too long": b"GET / HTTP/1.1\r\nX-a: " + b"a" * 20_000 + b"\r\n\r\n",
    "no version": b"GET / HTTP/9\r\n\r\n",
    "two lengths": b"POST /visits HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    "an expectation": b"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: the-unexpected\r\n\r\n",
    "a method of no use": b"BREW / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\r\n",
    "no such page": b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another host": b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "chunks that are none": (
        b"POST /visits HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n\r\n"
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_every_answer_carries_the_headers(
    here: Served, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", here.server.settings.port)) as one:
        one.sendall(BROKEN[name])
        one.settimeout(WAIT_S)
        answer = b""
        while piece := one.recv(4096):
            answer += piece
    head = answer.partition(b"\r\n\r\n")[0].decode()
    assert head.startswith(("HTTP/1.1 4", "HTTP/1.0 4"))
    for header, value in HEADERS.items():
        assert f"{header}: {value}".lower() in head.lower()
    assert not [line for line in here.told if "warning" in line]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("rest", [b"abc", b""])
def test_a_hang_up_is_nobodys_business(
    here: Served, capfd: pytest.CaptureFixture[str], rest: bytes
) -> None:
    port = here.server.settings.port
    begin = (
        "POST /visits HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
        f"Content-Length: 500\r\nX-Port: {port}\r\n\r\n"
    )
    for linger in (True, False):
        for _ in range(3):
            one = socket.create_connection(("127.0.0.1", port))
            one.sendall(begin.encode() + rest)
            if linger:  # it is reset, as by a browser that is killed
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            time.sleep(0.1)
            one.close()
    assert page(here) == 200
    assert here.told == []
    assert capfd.readouterr().err == ""


def test_a_body_that_dribbles_ends(finds: Finds) -> None:
    limits = Limits(max_request_s=0.5)
    with served(finds, settings=Settings(port=0, limits=limits)) as running:
        with socket.create_connection(("127.0.0.1", running.server.settings.port)) as one:
            one.sendall(b"POST /visits HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n")
            one.sendall(b"Content-Length: 500\r\n\r\nabc")
            one.settimeout(WAIT_S)
            assert one.recv(12) == b"HTTP/1.1 408"
            while one.recv(4096):
                pass


def test_tls_that_is_never_agreed_on(finds: Finds) -> None:
    tls, _ = self_signed(["127.0.0.1"])

    with served(finds, settings=Settings(port=0, tls=tls)) as running:
        port = running.server.settings.port
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(70)]
        for one in silent[::2]:
            one.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        for one in silent[1::4]:
            one.sendall(b"GET / HTTP/1.1\r\n\r\n")
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        good = http.client.HTTPSConnection("127.0.0.1", port, timeout=WAIT_S, context=trusting)
        with contextlib.closing(good):
            good.request("GET", "/")
            assert good.getresponse().status == 200
        for one in silent:
            one.close()
    assert running.errors == []


def test_a_name_of_several_addresses(finds: Finds) -> None:
    with served(finds, settings=Settings(host="localhost", port=0)) as running:
        assert page(running, host="localhost") == 200
        assert page(running, host="127.0.0.1") == 200
