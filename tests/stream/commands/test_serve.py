"""`run.py serve`: what it refuses, and a visit from the network over TLS."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

import aiohttp
import numpy as np
import psutil

import run
from segmentation.loading import LOADERS
from segmentation.segmenter import Options
from stream.commands import serve
from stream.commands.parts import interruption
from tests.folders import ROOT
from tests.stand_ins.fakes import Oracle
from tests.users.serving import Client, play, png, scene


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--host", "0.0.0.0"], "needs TLS: --tls-cert FILE --tls-key FILE, or --self-signed"),
        (["--host", "192.0.2.7", "--tls-cert", "a.pem"], "--tls-key belong together"),
        (
            ["--keep", "#3"],
            "must look like person,dog or person:1, got '#3': each visitor has ids of their own",
        ),
        (["--self-signed", "--tls-cert", "a.pem", "--tls-key", "b.pem"], "not both"),
    ],
)
def test_commands_that_are_refused(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main(["serve", *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_certificates_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for content in (None, "no certificate"):
        path = tmp_path / "certificate.pem"
        if content is not None:
            path.write_text(content)
        arguments = ["--host", "0.0.0.0", "--tls-cert", str(path), "--tls-key", str(path)]
        assert run.main(["serve", *arguments]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: --tls-cert {path}")


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = [sys.executable, "run.py", "serve", "--port", str(port)]
        done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"error: serve: cannot listen on 127.0.0.1, port {port}" in done.stderr
    assert "another program listens there; try another --port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("first", "best", "other"),
    [
        ("portrait", "", "oracle"),
        ("oracle", "", "portrait"),
        ("auto", "oracle", "portrait"),
        ("auto", "portrait", "portrait"),
    ],
)
def test_each_network_is_asked_for_what_is_its_own(
    first: str, best: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ends(*arguments: object) -> None:
        """Serve nobody."""

    asked = {}

    def load(name: str, options: Options) -> Oracle:
        asked[name] = options.detail
        network = Oracle()
        network.name = name
        return network

    for name in ("portrait", "oracle"):
        monkeypatch.setitem(LOADERS, name, partial(load, name))
    monkeypatch.setattr("segmentation.loading._best_on_disk", lambda *_, **__: best)
    monkeypatch.setattr("stream.commands.serve._serve", ends)
    run.main(["serve", "--model", first, "--detail", "fine", "--also", other])
    assert asked == {
        name: {"portrait": "fine", "oracle": "auto"}[name] for name in {best or first, other}
    }


@pytest.mark.parametrize("host", ["192.0.2.7", "nobody.invalid", "a" * 70 + ".example"])
def test_an_address_that_is_not_this_machines(host: str) -> None:
    program = [sys.executable, "run.py", "serve", "--host", host, "--self-signed"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "--host must be a name or an address of this machine" in done.stderr
    assert "--port" not in done.stderr
    assert "Traceback" not in done.stderr


def test_from_the_network_with_token_and_tls_until_ctrl_c() -> None:
    program = [sys.executable, "run.py", "serve", "--host", "0.0.0.0", "--port", "0"]
    with subprocess.Popen(
        [*program, "--self-signed"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = []
        while not (lines and "/?token=" in lines[-1]):
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        (fingerprint,) = re.findall("SHA-256 ([0-9A-F:]+)", "".join(lines))
        port, token = re.findall(r":(\d+)/\?token=(\S+)", lines[-1])[0]
        trusted = aiohttp.Fingerprint(bytes.fromhex(fingerprint.replace(":", "")))

        async def ask() -> None:
            async with aiohttp.ClientSession() as session:
                address = f"https://127.0.0.1:{port}/"
                async with session.get(address, ssl=trusted) as response:
                    assert response.status == 401
                async with session.get(f"{address}?token={token}", ssl=trusted) as response:
                    assert response.status == 200
                    assert "Secure" in response.headers["Set-Cookie"]
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await session.get(address, ssl=ssl.create_default_context())

        play(ask())
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(15) == 130
    assert rest.splitlines()[-1] == "ended"
    assert "Traceback" not in rest
    assert "warning" not in rest


#: Runs `serve` with something in it that never ends.
HANGING = """
import sys, time, run
from stream.serve import {module}
{module}.{name} = lambda *arguments: time.sleep(1000)
sys.exit(run.main(["serve", "--port", "0"]))
"""


def started(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.match(r"open (\S+)", line):
            return found[1]
    raise AssertionError(process.wait())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("module", "name", "num_signals"),
    [
        ("shared_networks", "SharedNetworks.close", 1),  # the thread of signals itself is stuck
        ("shared_networks", "SharedNetworks.close", 2),
        ("server", "Server.close", 1),
    ],
)
def test_it_ends_whatever_does_not(
    module: str, name: str, num_signals: int, number: signal.Signals
) -> None:
    program = [sys.executable, "-c", HANGING.format(module=module, name=name)]
    with subprocess.Popen(program, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        started(process)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 1  # where photos are decoded
        for _ in range(num_signals):
            process.send_signal(number)
            time.sleep(0.5)
        assert process.wait(60) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
        psutil.wait_procs(children, 60)
        assert not any(child.is_running() for child in children)


def test_a_signal_that_is_sent_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `timeout` sends its own: visits end as they should."""

    class Leaving:
        ident: int | None = None

        def __init__(self, *_: object) -> None: ...

        def start(self) -> None:
            self.ident = 1

    handlers: dict[int, Callable[[int, None], None]] = {}
    called: list[object] = []
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    monkeypatch.setattr("threading.Timer", Leaving)
    monkeypatch.setattr("os._exit", sys.exit)
    monkeypatch.setattr(interruption, "ECHO_S", 1000.0)
    serve._heed_signals(lambda: called.append("stop"))
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        handlers[number](number, None)
    assert called == ["stop"]
    monkeypatch.setattr(interruption, "ECHO_S", 0.0)
    with pytest.raises(SystemExit, match="130"):
        handlers[signal.SIGTERM](signal.SIGTERM, None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_it_ends_while_it_starts(number: signal.Signals) -> None:
    """While the network is compiled: what takes long then is not waited for."""
    hanging = HANGING.format(module="shared_networks", name="SharedNetworks.prepare")
    program = [sys.executable, "-c", hanging]
    with subprocess.Popen(program, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("model: ")
        time.sleep(1.0)
        process.send_signal(number)
        assert process.wait(60) == 130
        assert "Traceback" not in process.stderr.read()


def test_it_ends_while_visitors_are_there_and_a_photo_is_decoded() -> None:
    program = [sys.executable, "run.py", "serve", "--port", "0"]
    with subprocess.Popen(program, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        address = started(process).rstrip("/").replace("localhost", "127.0.0.1")
        children = psutil.Process(process.pid).children(recursive=True)

        async def visit() -> None:
            async with Client(address, scene) as client:
                await client.visit()
                uploading = asyncio.ensure_future(
                    client.upload(png(np.zeros((7000, 7000, 3), np.uint8)))
                )
                await asyncio.sleep(0.5)
                process.send_signal(signal.SIGINT)
                await client.until(lambda: client.last("ended") is not None)
                assert client.last("ended") == "the server was stopped"
                assert client.last("again") is True
                await asyncio.gather(uploading, return_exceptions=True)

        play(visit())
        assert process.wait(60) == 130
        assert process.stderr is not None
        rest = process.stderr.read()
    assert rest.splitlines()[-1] == "ended"
    assert "Traceback" not in rest
    assert "warning" not in rest
    psutil.wait_procs(children, 60)
    assert not any(child.is_running() for child in children)
