"""Commands that must fail, and what lies in a folder afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

import run


def failing(capfd: pytest.CaptureFixture[str], code: int, *arguments: str | Path) -> str:
    """Run a command that must fail with `code`; returns its one line."""
    assert run.main([str(argument) for argument in arguments]) == code
    told = capfd.readouterr().err
    assert "Traceback" not in told
    errors = [line for line in told.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, told
    assert told.splitlines()[-1] == errors[0]
    return errors[0]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
