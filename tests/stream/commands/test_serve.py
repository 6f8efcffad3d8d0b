"""`run.py serve`: what it refuses, and a visit from the network over TLS."""

from __future__ import annotations

import re
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("aiortc", reason="the extra serve")

import aiohttp

import run
from tests.folders import ROOT
from tests.serving import play


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
