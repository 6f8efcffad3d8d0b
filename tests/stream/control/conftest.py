"""A run under control, for every test of its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.users.desk import Desk

if TYPE_CHECKING:  # at run time the extra may be absent
    from tests.users.controlling import Controlled


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of what belongs to running programs."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "maskcast"


@pytest.fixture
def here(desk: Callable[..., Desk], runtime: Path) -> Iterator[Controlled]:
    from tests.users.controlling import controlled

    with controlled(desk("blur", "#0f8a4b", "#e9c46a")) as running:
        yield running
    assert running.told[1:] == []
