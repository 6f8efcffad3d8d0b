"""What tests of RF-DETR share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.undrawn import undrawn

pytest.importorskip("keras")


@pytest.fixture(scope="package", autouse=True)
def no_chance() -> Iterator[None]:
    """Weights that a file's take the place of are not drawn first, which takes half of the time."""
    with undrawn():
        yield
