"""What every test of the command line starts from and leaves behind."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import psutil
import pytest

from tests.users.object_store import THREAD


@pytest.fixture(autouse=True)
def nothing_left_over():
    """No thread and no process outlives a command."""
    before = _threads()
    children_before = set(psutil.Process().children(recursive=True))
    yield
    assert _threads() <= before
    assert set(psutil.Process().children(recursive=True)) <= children_before


@pytest.fixture
def photo(tmp_path) -> Path:
    """A portrait on disk."""
    pytest.importorskip("skimage")
    from stream.sources.demo import Demo

    path = tmp_path / "portrait.png"
    with Demo() as demo:
        image = next(iter(demo)).image
    cv2.imwrite(str(path), image[..., ::-1])
    return path


def _threads() -> set[threading.Thread]:
    """Return those that run, but for fsspec's and a server's, which last as long as the process."""
    lasting = ("fsspecIO", "asyncio_", THREAD)
    return {each for each in threading.enumerate() if not each.name.startswith(lasting)}
