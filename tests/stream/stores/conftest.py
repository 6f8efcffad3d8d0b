"""A server for the tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("s3fs", reason="the extra s3")
pytest.importorskip("moto", reason="the extra dev")

from tests.users.object_store import ObjectStore, object_store


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    with object_store(monkeypatch) as running:
        yield running
