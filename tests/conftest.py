"""Where real test data lies, for every test that can use it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.folders import SHARED
from tests.memory import give_memory_back

# TensorFlow's own allocator for oneDNN never gives anything back
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "true")

# tests run in the background ignore these, as would every program that they start and end
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

# its OpenSSL crashes where TensorFlow's symbols are there first
with contextlib.suppress(ImportError):
    import pylibsrtp  # noqa: F401


@pytest.fixture(scope="module", autouse=True)
def memory_given_back() -> Iterator[None]:
    """What a file's networks took is free before the next file begins."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].utils.clear_session(free_memory=False)
    give_memory_back()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real clips and photos; skips where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the project's test data in {folder.name}/ beside the checkout")
    return folder


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    """Folder of what the original programs compute; skips where it is absent."""
    folder = SHARED / "golden"
    if not folder.is_dir():
        pytest.skip(f"needs the project's reference data in {folder.name}/ beside the checkout")
    return folder


@pytest.fixture(scope="session")
def mask_rcnn_weights(golden_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights as Matterport published them, made by a recipe, the same on every machine."""
    pytest.importorskip("h5py")
    path = tmp_path_factory.mktemp("weights") / "recipe.h5"
    recipe = golden_folder / "weights_recipe.py"
    manifest = golden_folder / "matterport.manifest.json"
    command = [sys.executable, recipe, "matterport", manifest, path, "--hash"]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    hashes = json.loads((golden_folder / "recipe_sha256.json").read_text())
    assert made.stdout.strip() == hashes["matterport"]
    return path
