"""The command printed where a package is missing can be run as it stands."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from segmentation import pip_command
from segmentation.pip_command import install_extra, pip_install
from tests.folders import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="shells there quote in another way")


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A checkout with a virtual environment in it, whose Python is running."""
    folder = (tmp_path / "a checkout").resolve()
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (folder / "pyproject.toml").touch()
    monkeypatch.setattr(pip_command, "FOLDER", folder)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.chdir(folder)
    return folder


def test_in_the_checkout_the_command_is_short(checkout):
    assert install_extra("virtualcam") == ".venv/bin/python -m pip install -e '.[virtualcam]'"
    assert install_extra() == ".venv/bin/python -m pip install -e ."
    assert pip_install("openvino") == ".venv/bin/python -m pip install openvino"


def test_elsewhere_the_command_names_both_places(checkout, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    python, *words, requirement = shlex.split(install_extra("demo"))
    assert python == str(checkout / ".venv/bin/python")
    assert words == ["-m", "pip", "install", "-e"]
    assert requirement == f"{checkout}[demo]"


def test_a_copy_says_where_its_command_is_meant(checkout, monkeypatch):
    monkeypatch.setattr(pip_command, "FOLDER", checkout / ".venv" / "lib")
    python = checkout / ".venv/bin/python"
    assert install_extra("demo") == (
        f"in maskcast's folder: {shlex.quote(str(python))} -m pip install -e '.[demo]'"
    )


def test_a_folder_that_is_gone(checkout, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert shlex.split(install_extra("demo"))[-1] == f"{checkout}[demo]"


def test_no_other_file_says_how_to_install():
    files = [ROOT / "run.py"]
    files += [path for name in ("stream", "segmentation") for path in (ROOT / name).rglob("*.py")]
    told = {path.name for path in files if re.search(r"pip install ['.\w-]", path.read_text())}
    assert told <= {"pip_command.py"}


def test_pages_install_with_the_python_of_the_checkout():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    lines = [line for page in pages for line in page.read_text().splitlines() if "pip ins" in line]
    assert len(lines) >= 6
    for line in lines:
        assert re.search(r"\.venv[/\\](bin|Scripts)[/\\]python -m pip install -e ['\"]\.\[", line)
