"""Results that are printed to a terminal which has closed meanwhile."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator

import pytest

import run


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    pty = pytest.importorskip("pty", reason="no such terminals")
    ours, theirs = pty.openpty()
    os.close(ours)
    with open(theirs, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        yield


def test_a_command_ends_with_its_own_code(closed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.commands.recover.run", lambda arguments: 130)
    assert run.run_command(["recover"]) == 130


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("stream.commands.recover.run", lambda arguments: 0)
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(OSError, match="No space left"):
        run.run_command(["recover"])
