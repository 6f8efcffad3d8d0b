"""A Keras that only says what there is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from segmentation.runtime import devices, keras_network


def import_instead(monkeypatch: pytest.MonkeyPatch, imported: Callable[[], Any]) -> None:
    """Let `imported` give what is there in Keras' place."""
    for module in (keras_network, devices):
        monkeypatch.setattr(module, "import_keras", imported)


class FakeKeras:
    """As much of Keras as shows which device is used."""

    def __init__(self, devices: list[str], backend: str = "jax") -> None:
        self.used: list[str] = []
        self.devices = devices
        self.backend = SimpleNamespace(backend=lambda: backend)
        self.distribution = SimpleNamespace(list_devices=lambda: devices)

    @contextlib.contextmanager
    def device(self, name: str) -> Iterator[None]:
        self.used.append(name)
        yield
