"""What `pip install .` installs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from stream.version import VERSION
from tests.ffmpeg_reference import ffmpeg
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
        assert "maskcast = run:program" in archive.read(entry_points).decode()
    program = {path.relative_to(ROOT).as_posix() for path in program_files(ROOT)}
    assert {name for name in names if name.endswith(".py")} == program
    for folder in ("segmentation/bundled", "stream/serve/page", "stream/control/page"):
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


def output_of(command: list[str | Path], folder: Path) -> str:
    """Run a program in a folder; returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The programs of an environment that has the wheel, and what it needs from this one's."""
    environment = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "venv", "--without-pip", environment]
    subprocess.run(command, check=True, capture_output=True)
    programs = environment / Path(sysconfig.get_path("scripts")).name
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(output_of([programs / "python", "-c", where], environment).strip())
    # as a path alone: an installation of the checkout, which is a .pth file there, does not count
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet"]
    output_of([*pip, "--no-deps", "--no-index", "--force-reinstall", wheel], environment)
    return programs


@pytest.mark.long
def test_installed_program_does_what_the_checkout_does(installed, demo_clip, tmp_path):
    short = tmp_path / "short.mkv"
    ffmpeg("-i", demo_clip, "-frames:v", "15", "-c", "copy", short)
    arguments = [short, "--effect", "replace=#2a6f97", "--quality", "ultrafast:30", "-o"]
    output_of([installed / "maskcast", *arguments, "installed.mp4"], tmp_path)
    output_of([sys.executable, ROOT / "run.py", *arguments, tmp_path / "here.mp4"], ROOT)
    sums = [hashlib.md5(path.read_bytes()).hexdigest() for path in tmp_path.glob("*.mp4")]
    assert len(sums) == 2
    assert len(set(sums)) == 1


@pytest.mark.long
def test_installed_packages_run_the_code_of_the_page(installed, tmp_path):
    pytest.importorskip("skimage")
    names = (
        *("__init__", "folders", "stand_ins/__init__", "stand_ins/fakes"),
        *("documents/__init__", "documents/test_python_doc"),
    )
    for name in ("docs/python.md", *(f"tests/{name}.py" for name in names)):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    python = installed / "python"
    where = "import effects, run, segmentation, stream; print(stream.__file__, run.__file__)"
    for path in output_of([python, "-c", where], tmp_path).split():
        assert Path(path).is_relative_to(installed.parent)
    pytest_here = [python, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", tmp_path]
    pytest_here += ["-p", "no:cacheprovider", "-k", "not frame"]  # whole clips, of the same parts
    assert " passed" in output_of([*pytest_here, "tests"], tmp_path)
