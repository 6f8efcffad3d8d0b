"""Where the page is served, its end, and how other programs find it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("cryptography", reason="the extra serve")

from stream.control.client import Client
from stream.control.running import Running, running
from stream.control.server import ControlServer
from stream.errors import StreamError
from stream.serve.site.certificate import self_signed
from tests.leftovers import children
from tests.users.controlling import SETTINGS, Controlled, controlled, guarded, play, private, until
from tests.users.desk import Desk


def test_nothing_is_left_of_it(desk: Callable[..., Desk], runtime: Path) -> None:
    before = set(threading.enumerate()), children()
    with controlled(desk()) as here:
        assert here.told == [f"control page: open {here.address}/"]
        (note,) = runtime.iterdir()
        assert private(note)
        assert runtime.stat().st_mode & 0o777 == 0o700
        here.ask("PUT", "/background", data=b"no photo")  # which starts a process
    assert list(runtime.iterdir()) == []
    # of asyncio, the thread that waits for a process has a moment to end after the process has
    play(until(lambda: set(threading.enumerate()) <= before[0]))
    assert children() <= before[1]


def test_an_address_that_is_taken_is_one_line(here: Controlled, runtime: Path) -> None:
    settings = replace(SETTINGS, port=here.server.settings.port)
    server = ControlServer(settings, "demo:", None, here.told.append)
    with pytest.raises(StreamError, match=r"^--control: cannot listen on 127.0.0.1, port \d+ .*; "):
        server.__enter__()
    assert not server._thread.is_alive()
    assert len(list(runtime.iterdir())) == 1, "that of the other one"


def test_a_server_that_dies_says_so_and_the_run_goes_on(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*more: object) -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr("stream.control.sockets.Sockets.close", fail)
    with controlled(desk()) as here:
        here.server._loop.call_soon_threadsafe(here.server._stopping.set)
        here.server._thread.join(30)
        assert "control page: has ended (RuntimeError: it broke); the run goes on" in here.told


def test_a_program_is_found_and_asked(here: Controlled, tmp_path: Path) -> None:
    client = Client.found()
    assert client.set({"effect": "grey"})["values"]["effect"] == "grey"
    with pytest.raises(StreamError, match=r"^control: effect: one of blur"):
        client.set({"effect": "sepia"})
    with pytest.raises(StreamError, match=r"none.png: cannot be read"):
        client.add_background(tmp_path / "none.png")
    (tmp_path / "note.txt").write_text("no photo")
    with pytest.raises(StreamError, match=r"^control: a background must be a photo"):
        client.add_background(tmp_path / "note.txt")
    with pytest.raises(StreamError, match="no program of yours runs"):
        Client.found(port=1)


def test_of_several_one_is_named(here: Controlled, desk: Callable[..., Desk]) -> None:
    with controlled(desk("grey")) as other:
        with pytest.raises(StreamError, match=r"name one by --port: \d+ \(demo:\), \d+ \(demo:\)"):
            Client.found()
        port = other.server.settings.port
        assert Client.found(port).state()["values"]["effect"] == "grey"
    assert Client.found().state()["values"]["effect"] == "blur"


def test_one_that_was_killed_is_forgotten(here: Controlled, runtime: Path) -> None:
    note = Running("http://127.0.0.1:1", None, None, 1, "0").note()
    (runtime / "control-x.json").write_text("{")
    assert len(running()) == 2
    assert Client.found().state()
    assert not note.exists()


def test_one_that_is_alone_and_was_killed_as_well(runtime: Path) -> None:
    note = Running("http://127.0.0.1:1", None, None, 1, "0").note()
    with pytest.raises(StreamError, match="no program of yours runs with --control"):
        Client.found().state()
    assert not note.exists()


def test_with_tls_the_certificate_is_the_one_that_was_noted(
    desk: Callable[..., Desk], runtime: Path
) -> None:
    context, fingerprint = self_signed(["127.0.0.1"])
    settings = replace(guarded("a-token-of-the-tests"), tls=context)
    told: list[str] = []
    with ControlServer(settings, "0", fingerprint.replace(":", ""), told.append) as server:
        Controlled(desk(), server, told)
        client = Client.found()
        assert client.set({"invert": "on"})["values"]["invert"]
        (note,) = runtime.iterdir()
        note.write_text(json.dumps(json.loads(note.read_text()) | {"certificate": "0" * 64}))
        with pytest.raises(StreamError, match="its certificate is another one"):
            Client.found().state()


def test_who_listens_where_one_has_ended_is_told_nothing(runtime: Path) -> None:
    """Least of all the token."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"http://127.0.0.1:{other.getsockname()[1]}"
        note = Running(address, "a-token-of-the-tests", None, ended.pid, "0").note()
        with pytest.raises(StreamError, match="no program of yours runs with --control"):
            Client.found().state()
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()
    assert not note.exists()
