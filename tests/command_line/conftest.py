"""What every test of the command line starts from and leaves behind."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import psutil
import pytest


@pytest.fixture(autouse=True)
def nothing_left_over():
    """No thread and no process outlives a command."""
    before = set(threading.enumerate())
    children_before = set(psutil.Process().children(recursive=True))
    yield
    assert set(threading.enumerate()) <= before
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
