"""A running server of the page, for every test of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # at run time the extra may be absent
    from tests.users.serving import Finds, Served


@pytest.fixture
def finds() -> Finds:
    from tests.users.serving import Finds

    return Finds()


@pytest.fixture
def here(finds: Finds) -> Iterator[Served]:
    from tests.users.serving import served

    with served(finds) as running:
        yield running
    assert running.errors == []
