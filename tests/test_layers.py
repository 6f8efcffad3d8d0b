"""The layers of ARCHITECTURE.md: who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.folders import ROOT

NETWORKS = {"keras", "openvino", "tensorflow", "torch", "jax"}
FORBIDDEN = {
    "effects": {"stream", "segmentation", "run", "benchmarks", "imageio_ffmpeg"} | NETWORKS,
    "segmentation": {"stream", "effects", "run", "benchmarks", "imageio_ffmpeg"},
    "stream": {"run", "benchmarks"} | NETWORKS,
}


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_package_imports_only_what_its_layer_may(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert len(files) > 5
    for path in files:
        assert not imports(path) & FORBIDDEN[package], path


def test_only_one_place_starts_ffmpeg():
    users = {
        path.relative_to(ROOT).as_posix()
        for package in FORBIDDEN
        for path in (ROOT / package).rglob("*.py")
        if imports(path) & {"subprocess", "imageio_ffmpeg"}
    }
    assert users == {"stream/ffmpeg/process.py"}


@pytest.mark.parametrize("folder", [*FORBIDDEN, "benchmarks", "tests"])
def test_files_and_functions_stay_readable(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    assert len(files) > 5
    for path in files:
        text = path.read_text()
        limit = 600 if path.name.endswith("_network.py") else 400
        assert len(text.splitlines()) <= limit, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                docstring = ast.get_docstring(node, clean=False) or ""
                assert length - docstring.count("\n") - 1 <= 40, f"{path}:{node.lineno}"
