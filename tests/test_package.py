"""What `pip install .` installs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stream.commands import VERSION
from tests.folders import ROOT
from tests.import_graph import PACKAGES, program_files


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    # of a copy: building leaves files behind, of which the next wheel would hold old ones
    checkout = tmp_path_factory.mktemp("checkout")
    for name in ("run.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    built = subprocess.run([*command, str(checkout)], capture_output=True, text=True, check=False)
    if built.returncode and "setuptools" in built.stderr:
        pytest.skip("building needs setuptools from a package index")
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("maskcast-*.whl")
    return path


def test_wheel_holds_the_program_and_nothing_else(wheel):
    assert wheel.name.startswith(f"maskcast-{VERSION}-")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = next(name for name in names if name.endswith("entry_points.txt"))
        assert "maskcast = run:main" in archive.read(entry_points).decode()
    program = {path.relative_to(ROOT).as_posix() for path in program_files(ROOT)}
    assert {name for name in names if name.endswith(".py")} == program
    for folder in ("segmentation/bundled", "stream/serve/page"):
        files = {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir() if path.is_file()}
        assert files
        assert files <= names


def test_installed_copy_finds_its_weights_from_any_folder(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = (
        "import sys; sys.path.insert(0, 'site'); import numpy as np, segmentation as s; "
        "assert 'site' in s.__file__; "
        "print(len(s.load('portrait').segment(np.zeros((1, 48, 64, 3), np.uint8))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
