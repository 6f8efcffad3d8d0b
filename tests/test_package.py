"""What `pip install .` installs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.folders import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    built = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    if built.returncode and "setuptools" in built.stderr:
        pytest.skip("building needs setuptools from a package index")
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("maskcast-*.whl")
    return path


def test_wheel_holds_packages_weights_and_command(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = next(name for name in names if name.endswith("entry_points.txt"))
        assert "maskcast = run:main" in archive.read(entry_points).decode()
    for name in ("portrait.xml", "portrait.bin", "portrait.npz"):
        assert f"segmentation/bundled/{name}" in names
    assert {"run.py", "stream/loop.py", "effects/blur.py"} <= names
    assert {"stream/serve/server.py", "stream/serve/page/index.html"} <= names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_installed_copy_finds_its_weights_from_any_folder(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = (
        "import sys; sys.path.insert(0, 'site'); import numpy as np, segmentation.loading as s; "
        "assert 'site' in s.__file__; "
        "print(len(s.load('portrait').segment(np.zeros((1, 48, 64, 3), np.uint8))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
