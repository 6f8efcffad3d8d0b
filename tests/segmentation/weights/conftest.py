"""A server of weights, a cache for them and a preset that points there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from segmentation.weights import download
from segmentation.weights.presets import HDF5_SIGNATURE, Preset
from tests.stand_ins.weight_host import NAME, Host


@pytest.fixture
def host() -> Iterator[Host]:
    server = Host()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that weights are fetched into; a server that fails is not waited for."""
    monkeypatch.setenv("MASKCAST_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "PAUSES_S", (0.001, 0.001))
    monkeypatch.setattr(download, "TIMEOUT_S", 10.0)
    return tmp_path / "cache"


@pytest.fixture
def preset(host: Host, cache: Path) -> Preset:
    """What is fetched from the server into the cache."""
    return Preset(
        name="tiny",
        address=host.address,
        file_name=NAME,
        num_bytes=None,
        sha256=None,
        signature=HDF5_SIGNATURE,
        licence="MIT",
        notice=None,
        source="https://example.org/tiny",
        box_ap=None,
        mask_ap=None,
    )
