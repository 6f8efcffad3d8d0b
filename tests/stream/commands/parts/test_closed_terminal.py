"""Results that are printed to a terminal which has closed meanwhile."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

import run
from stream.commands.parts.command_line import terminal_may_close


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    pty = pytest.importorskip("pty", reason="no such terminals")
    ours, theirs = pty.openpty()
    os.close(ours)
    with open(theirs, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        yield


def test_what_is_under_way_goes_on(closed: None) -> None:
    for _ in range(2):
        with terminal_may_close():
            print("a result", flush=True)


def test_a_command_ends_with_its_own_code(closed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.commands.recover.run", lambda arguments: 130)
    assert run.run_command(["recover"]) == 130


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no such device")
    full = open("/dev/full", "w")
    with pytest.raises(OSError, match="No space left"), terminal_may_close():
        print("a result", file=full, flush=True)
    with pytest.raises(OSError, match="No space left"):
        full.close()
