"""The layers of ARCHITECTURE.md: who may import whom, and how large rooms are."""

from __future__ import annotations

import ast

import pytest

from tests.folders import ROOT
from tests.import_graph import (
    circle,
    import_graph,
    imported_names,
    of_folders,
    program_files,
)

GRAPH = import_graph(ROOT)

# what a family of networks is: a folder with a Segmenter
FAMILIES = tuple(
    f"segmentation/{path.parent.name}/" for path in ROOT.glob("segmentation/*/segmenter.py")
)
BELOW_ALL = tuple(
    f"segmentation/{name}.py"
    for name in ("errors", "instances", "coco", "picture", "pip_command", "user_cache")
)
ROOMS = tuple(f"segmentation/{path.name}/" for path in (ROOT / "segmentation").iterdir())
LOADING, TRAINING = "segmentation/loading.py", "segmentation/training/"
DATA, EVALUATION = "segmentation/data/", "segmentation/evaluation/"
RUNTIME, WEIGHTS = "segmentation/runtime/", "segmentation/weights/"
TRACKING, REFINEMENT = "segmentation/tracking/", "segmentation/refinement/"
SOURCES, SINKS, LIVE, DOCTOR, SERVE, COMMANDS = (
    f"stream/{name}/" for name in ("sources", "sinks", "live", "doctor", "serve", "commands")
)

#: Whoever lies there never imports what lies there, in functions and for types neither; but for.
NEVER: list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = [
    (("effects/",), ("segmentation/", "stream/"), ()),
    (("segmentation/",), ("effects/", "stream/"), ()),
    (BELOW_ALL, ROOMS, ()),
    (("segmentation/parts/",), (WEIGHTS, RUNTIME, *FAMILIES), ()),
    ((WEIGHTS,), (RUNTIME, LOADING, *FAMILIES), ()),
    ((RUNTIME,), (WEIGHTS, LOADING, *FAMILIES), ()),
    (FAMILIES, (LOADING, TRAINING, TRACKING, REFINEMENT, DATA, EVALUATION), ()),
    ((DATA,), (TRAINING, EVALUATION, *FAMILIES), ()),
    ((EVALUATION,), (TRAINING, *FAMILIES), ()),
    ((TRACKING,), (RUNTIME, WEIGHTS, REFINEMENT, *FAMILIES), ()),
    ((REFINEMENT,), (RUNTIME, WEIGHTS, TRACKING, *FAMILIES), ()),
    (
        ("stream/ffmpeg/",),
        (SOURCES, SINKS, LIVE, DOCTOR, SERVE, COMMANDS, "segmentation/"),
        ("segmentation/picture.py",),
    ),
    (
        (SOURCES,),
        (SINKS, LIVE, DOCTOR, SERVE, COMMANDS, "segmentation/"),
        ("segmentation/picture.py", "segmentation/pip_command.py"),
    ),
    ((SINKS,), (SOURCES, LIVE, DOCTOR, SERVE, COMMANDS), ()),
    (("stream/loop.py", "stream/pipeline.py"), (SOURCES, SINKS, LIVE, COMMANDS), ()),
    ((SERVE,), (SOURCES, SINKS, LIVE, DOCTOR, COMMANDS), ()),
    ((DOCTOR,), (SOURCES, SINKS, LIVE, SERVE, COMMANDS), ()),
    *(
        ((family,), tuple(set(FAMILIES) - {family}), below)
        for family, below in {
            **dict.fromkeys(FAMILIES, ()),
            # the small Mask R-CNN stands on portrait's layers, and person is a small Mask R-CNN
            "segmentation/mask_rcnn/": ("segmentation/portrait/",),
            "segmentation/person/": ("segmentation/portrait/", "segmentation/mask_rcnn/"),
        }.items()
    ),
]

#: What lies there is imported by what lies there alone.
ONLY = {
    TRAINING: (TRAINING, COMMANDS),
    COMMANDS: (COMMANDS, "run.py"),
    "run.py": (),
}

NETWORKS = {"keras", "openvino", "tensorflow", "torch", "jax"}
#: Libraries that a package never imports.
NEVER_LIBRARIES = {
    "effects": {"imageio_ffmpeg", *NETWORKS},
    "segmentation": {"imageio_ffmpeg"},
    "stream": NETWORKS,
    "run.py": NETWORKS,
}
DEVELOPMENT = {"benchmarks", "tests"}


def test_no_circle_of_files():
    assert circle(GRAPH) == []


def test_no_circle_of_folders():
    assert circle(of_folders(GRAPH)) == []


def test_a_circle_is_found_whatever_kind_of_import_closes_it(tmp_path):
    for package in ("effects", "segmentation", "stream/sub", "stream/other"):
        (tmp_path / package).mkdir(parents=True)
    (tmp_path / "run.py").write_text("from stream import a")
    (tmp_path / "stream/a.py").write_text("import stream.sub.b")
    (tmp_path / "stream/sub/b.py").write_text("def late():\n    from stream.other import c")
    assert circle(import_graph(tmp_path)) == []
    (tmp_path / "stream/other/c.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from stream.a import A"
    )
    files = {"stream/a.py", "stream/sub/b.py", "stream/other/c.py"}
    assert set(circle(import_graph(tmp_path))) == files
    (tmp_path / "stream/other/c.py").write_text("from stream.sub.d import D")
    (tmp_path / "stream/sub/d.py").write_text("")
    assert circle(import_graph(tmp_path)) == []
    assert set(circle(of_folders(import_graph(tmp_path)))) == {"stream/sub/", "stream/other/"}


@pytest.mark.parametrize(("importers", "never", "but"), NEVER)
def test_never(importers, never, but):
    assert any(name.startswith(importers) for name in GRAPH)
    assert any(name.startswith(never) for name in GRAPH)
    broken = [
        (name, other)
        for name, others in GRAPH.items()
        for other in others
        if name.startswith(importers) and other.startswith(never) and not other.startswith(but)
    ]
    assert broken == []


@pytest.mark.parametrize(("imported", "importers"), ONLY.items())
def test_only(imported, importers):
    assert any(name.startswith(imported) for name in GRAPH)
    others = {
        name for name, targets in GRAPH.items() for target in targets if target.startswith(imported)
    }
    assert [name for name in others if not name.startswith(importers)] == []


@pytest.mark.parametrize("package", NEVER_LIBRARIES)
def test_libraries(package):
    never = NEVER_LIBRARIES[package] | DEVELOPMENT
    for path in program_files(ROOT):
        if path.relative_to(ROOT).parts[0] == package:
            top = {name.partition(".")[0] for name in imported_names(path.read_text())}
            assert not top & never, path


def test_only_one_place_starts_ffmpeg():
    users = {
        path.relative_to(ROOT).as_posix()
        for path in program_files(ROOT)
        if {name.partition(".")[0] for name in imported_names(path.read_text())}
        & {"subprocess", "imageio_ffmpeg"}
    }
    assert users == {"stream/ffmpeg/process.py"}


def test_files_and_functions_stay_readable():
    files = [*program_files(ROOT), *ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("tests/**/*.py")]
    for path in files:
        text = path.read_text()
        assert len(text.splitlines()) <= 400, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                docstring = ast.get_docstring(node, clean=False) or ""
                assert length - docstring.count("\n") - 1 <= 40, f"{path}:{node.lineno}"


def test_folders_stay_small_enough_to_look_around_in():
    folders = {path.parent for path in [*program_files(ROOT), *ROOT.glob("benchmarks/**/*.py")]}
    assert len(folders) > 20
    for folder in folders:
        assert len(list(folder.glob("*.py"))) <= 16, folder
