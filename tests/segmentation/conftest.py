"""What tests of networks share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def eagerly() -> Iterator[None]:
    """Networks are computed as they are written: to trace one takes longer than a few runs."""
    tensorflow = pytest.importorskip("tensorflow")
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.fixture
def eager() -> Iterator[None]:
    with eagerly():
        yield
