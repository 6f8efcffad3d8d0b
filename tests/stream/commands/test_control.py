"""`--control` and `run.py control`, with a run that goes on meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="the extra serve")
pytest.importorskip("cryptography", reason="the extra serve")

import run
from stream.commands.parts.cast_options import cast_parser
from stream.control.client import Client
from stream.control.running import running
from tests.users.controlling import private


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("MASKCAST_TOKEN", raising=False)
    return tmp_path / "maskcast"


class Beside(threading.Thread):
    """Somebody who asks a program that runs, then ends it; what goes wrong there is raised."""

    def __init__(self, do: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._do, self.error = do, None
        self.start()

    def run(self) -> None:
        try:
            until(lambda: bool(running()))
            client = Client.found()
            until(lambda: has_begun(client))
            try:
                self._do()
            finally:
                client.set({"quit": True})
        except BaseException as error:
            self.error = error

    def check(self) -> None:
        self.join(60)
        if self.error is not None:
            raise self.error


def has_begun(client: Client) -> bool:
    try:
        return bool(client.state()["objects"])
    except Exception:
        return False


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_run_is_changed_from_elsewhere(
    demo_clip: Path, tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    codes: list[int] = []

    def ask() -> None:
        codes.append(run.main(["control", "set", "effect=grey", "snapshot", "record=on"]))
        codes.append(run.main(["control", "set", "effect=sepia"]))
        until(lambda: any(path.stat().st_size for path in tmp_path.glob(".*.recording.mp4")))
        codes.append(run.main(["control", "set", "record=off"]))
        codes.append(run.main(["control", "--json"]))

    beside = Beside(ask)
    # as slow as a camera, and long enough
    arguments = [str(demo_clip), "--realtime", "-o", "null:", "--control", "0"]
    assert run.main(arguments) == 0
    beside.check()
    assert codes == [0, 1, 0, 0]
    told = capsys.readouterr()
    assert json.loads(told.out[told.out.index("{") :])["values"]["effect"] == "grey"
    assert "error: control: effect: one of blur, grey" in told.err
    assert "Traceback" not in told.err
    assert list(runtime.iterdir()) == []
    written = sorted(path.suffix for path in tmp_path.glob("maskcast-*"))
    assert written == [".mp4", ".png"]
    assert all(private(path) for path in tmp_path.glob("maskcast-*"))


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["--control", "0.0.0.0"], 2, "--control 0.0.0.0:8090: others can reach this address"),
        (["--control", "[::]:80", "--tls-cert", "a"], 2, "--control: --tls-cert and --tls-key"),
        (["--self-signed"], 2, "--self-signed: goes with --control only"),
        (["--control", "--split", "auto"], 2, "--control: a film that is split"),
        (["--control", "192.0.2.7:0", "--self-signed"], 1, "--control: cannot listen on 192.0.2.7"),
    ],
)
def test_what_makes_no_sense_is_a_line(
    demo_clip: Path, capsys: Any, arguments: list[str], code: int, reason: str
) -> None:
    assert run.main([str(demo_clip), "-o", "null:", *arguments]) == code
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith(f"error: {reason}")


def test_a_token_that_is_short_is_refused(
    demo_clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("MASKCAST_TOKEN", "secret")
    assert run.main([str(demo_clip), "-o", "null:", "--control"]) == 2
    assert "MASKCAST_TOKEN: must have 16 letters" in capsys.readouterr().err


def test_the_address_that_is_printed_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Other addresses are told without what is secret in them."""
    monkeypatch.setenv("MASKCAST_TOKEN", "a-token-of-the-tests")
    assert run.main([str(tmp_path / "none.mp4"), "-o", "null:", "--control", "0"]) == 1
    told = capsys.readouterr().err.splitlines()[0]
    assert told.startswith("control page: open http://localhost:")
    assert told.endswith("/?token=a-token-of-the-tests")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ([], ("127.0.0.1", 8090)),
        (["9000"], ("127.0.0.1", 9000)),
        (["localhost"], ("localhost", 8090)),
        (["0.0.0.0:9000"], ("0.0.0.0", 9000)),
        (["[::1]:9000"], ("::1", 9000)),
        (["[::1]"], ("::1", 8090)),
    ],
)
def test_addresses(text: list[str], address: tuple[str, int]) -> None:
    assert cast_parser().parse_args(["0", "--control", *text]).control == address


@pytest.mark.parametrize("text", ["talk.mp4/x", "localhost:http", "localhost:70000", "a b:1", ""])
def test_what_is_no_address_is_refused(text: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        cast_parser().parse_args(["0", "--control", text])
    assert "must look like 127.0.0.1:8090" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("::1", "an IPv6 address stands in brackets, such as [::1]:8090"),
        ("talk.mp4", "is a file; name it before --control"),
        ("demo:", "must look like 127.0.0.1:8090"),
    ],
)
def test_what_was_meant_otherwise_is_told(
    text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk.mp4").touch()
    with pytest.raises(SystemExit):
        cast_parser().parse_args(["--control", text])
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ([], 1, "no program of yours runs with --control"),
        (["set"], 2, "control set: say what"),
        (["set", "effect"], 2, "needs a value, such as effect=next"),
        (["set", "help"], 2, "'help' is nothing that can be set"),
        (["background"], 2, "a photo is missing"),
    ],
)
def test_commands_that_cannot_be_done(
    arguments: list[str], code: int, reason: str, capsys: Any
) -> None:
    assert run.main(["control", *arguments]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
