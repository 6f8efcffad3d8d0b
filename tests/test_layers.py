"""The layers of ARCHITECTURE.md: who may import whom, and how large rooms are."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.folders import ROOT
from tests.import_graph import (
    circle,
    import_graph,
    imported_names,
    of_folders,
    program_files,
    rooms,
)

GRAPH = import_graph(ROOT)

# what a family of networks is: a folder with a Segmenter
FAMILIES = tuple(
    f"segmentation/{path.parent.name}/" for path in ROOT.glob("segmentation/*/segmenter.py")
)
BELOW_ALL = tuple(
    f"segmentation/{name}.py"
    for name in (
        "errors",
        "instances",
        "coco",
        "picture",
        "pip_command",
        "processors",
        "unfinished",
        "user_folders",
    )
)
SHARED = ("segmentation/family.py", "segmentation/segmenter.py")
ROOMS = tuple(sorted(room for room in rooms(GRAPH) if room.startswith("segmentation/")))
# the face is as high as what it gives
LOADING = ("segmentation/loading.py", "segmentation/__init__.py")
TRAINING, DATA, EVALUATION, RUNTIME, WEIGHTS, TRACKING, REFINEMENT, PARTS = (
    f"segmentation/{name}/"
    for name in "training data evaluation runtime weights tracking refinement parts".split()
)
SOURCES, SINKS, LIVE, CONTROL, DOCTOR, SERVE, BATCH, COMMANDS = (
    f"stream/{name}/" for name in "sources sinks live control doctor serve batch commands".split()
)
# likewise, and what it gives puts together all of the trunk
OPENING = ("stream/opening.py", "stream/__init__.py")
TRUNK = tuple(
    name
    for name in GRAPH
    if re.fullmatch(r"stream/(running/)?\w+\.py", name) and name not in OPENING
)

#: (importers, imported, exceptions); imports in functions and for types count.
NEVER: list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = [
    (("effects/",), ("segmentation/", "stream/"), ()),
    (("segmentation/",), ("effects/", "stream/"), ()),
    (BELOW_ALL, (*ROOMS, *LOADING, *SHARED), ()),
    (SHARED, (*ROOMS, *LOADING), ()),
    (LOADING, (TRAINING, TRACKING, REFINEMENT, DATA, EVALUATION), ()),
    ((PARTS,), (WEIGHTS, RUNTIME, *LOADING, *FAMILIES), ()),
    ((WEIGHTS,), (RUNTIME, *LOADING, *FAMILIES), ()),
    ((RUNTIME,), (WEIGHTS, *LOADING, *FAMILIES), ()),
    (FAMILIES, (TRAINING, TRACKING, REFINEMENT, DATA, EVALUATION, *LOADING), ()),
    ((DATA,), (TRAINING, EVALUATION, *LOADING, *FAMILIES), ()),
    ((EVALUATION,), (TRAINING, *LOADING, *FAMILIES), ()),
    ((TRACKING,), (RUNTIME, WEIGHTS, REFINEMENT, *LOADING, *FAMILIES), ()),
    ((REFINEMENT,), (RUNTIME, WEIGHTS, TRACKING, *LOADING, *FAMILIES), ()),
    (
        ("stream/ffmpeg/",),
        (SOURCES, SINKS, LIVE, DOCTOR, SERVE, COMMANDS, "segmentation/"),
        ("segmentation/picture.py", "segmentation/processors.py"),
    ),
    (
        (SOURCES,),
        (SINKS, LIVE, DOCTOR, SERVE, COMMANDS, "segmentation/"),
        ("segmentation/picture.py", "segmentation/pip_command.py"),
    ),
    (
        ("stream/colour/",),
        ("stream/", "segmentation/", "effects/"),
        ("stream/colour/", "stream/yuv420.py", "segmentation/picture.py"),
    ),
    (
        ("stream/cameras/",),
        ("stream/", "segmentation/", "effects/"),
        ("stream/cameras/", "stream/errors.py"),
    ),
    (("stream/stores/",), (SOURCES, SINKS, LIVE, DOCTOR, SERVE, BATCH, COMMANDS), ()),
    (("stream/files/",), (SOURCES, SINKS, LIVE, DOCTOR, SERVE, COMMANDS), ()),
    ((SINKS,), (SOURCES, LIVE, DOCTOR, SERVE, COMMANDS), ()),
    (TRUNK, (SOURCES, SINKS, LIVE, DOCTOR, SERVE, COMMANDS), ()),
    ((*TRUNK, SOURCES, SINKS, "stream/ffmpeg/", "stream/files/", LIVE, DOCTOR, SERVE), OPENING, ()),
    (OPENING, (CONTROL, DOCTOR, SERVE, BATCH, COMMANDS), ()),
    ((BATCH,), (DOCTOR, SERVE, COMMANDS), ()),
    ((LIVE,), (CONTROL, DOCTOR, SERVE, COMMANDS), ()),
    ((CONTROL,), (SOURCES, SINKS, DOCTOR, BATCH, COMMANDS, *OPENING), ()),
    ((SERVE,), (SOURCES, SINKS, LIVE, CONTROL, DOCTOR, COMMANDS), ()),
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

#: What only these may import.
ONLY = {
    TRAINING: (TRAINING, COMMANDS),
    CONTROL: (CONTROL, COMMANDS),
    BATCH: (BATCH, COMMANDS),
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
    for prefix in (*importers, *never, *but):
        assert any(name.startswith(prefix) for name in GRAPH), f"nothing lies in {prefix}"
    broken = [
        (name, other)
        for name, others in GRAPH.items()
        for other in others
        if name.startswith(importers) and other.startswith(never) and not other.startswith(but)
    ]
    assert broken == []


@pytest.mark.parametrize(("imported", "importers"), ONLY.items())
def test_only(imported, importers):
    for prefix in (imported, *importers):
        assert any(name.startswith(prefix) for name in GRAPH), f"nothing lies in {prefix}"
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


@cache
def names_used(path: Path) -> set[str]:
    """Return the libraries that a file imports, and its names and attributes as written."""
    text = path.read_text()
    nodes = ast.walk(ast.parse(text))
    used = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute | ast.Name)}
    return used | {name.partition(".")[0] for name in imported_names(text)}


def users_of(names: set[str]) -> set[str]:
    """Return the files of the program that use one of these names."""
    files = program_files(ROOT)
    return {path.relative_to(ROOT).as_posix() for path in files if names & names_used(path)}


def test_six_places_start_processes():
    # ffmpeg and its like; Python's own, which make a training's batches, decode uploads or do a
    # batch; one that tries a window, and one that shows it
    endings = ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")
    starters = {f"os.{kind}{ending}" for kind in ("exec", "spawn") for ending in endings}
    starters |= {"os.system", "os.popen", "os.fork", "os.posix_spawn", "os.posix_spawnp"}
    starters |= {"asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"}
    starters |= {"subprocess", "multiprocessing", "imageio_ffmpeg", "ProcessPoolExecutor"}
    assert users_of(starters) - {"segmentation/own_process.py"} == {  # who looks who started it
        "stream/ffmpeg/process.py",
        "stream/serve/photo_process.py",
        "segmentation/training/batch_processes.py",
        "stream/batch/workers/worker_processes.py",
        "stream/display.py",
        "stream/sinks/parts/window_process.py",
    }


def test_what_the_graph_cannot_see_is_imported_in_three_places():
    # a command by its name, and what faces give, which they name for types as well
    importers = {"importlib.import_module", "import_module", "__import__"}
    faces = {"segmentation/__init__.py", "stream/__init__.py"}
    assert users_of(importers) == {"run.py", *faces}


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
    beside = (path for name in DEVELOPMENT for path in ROOT.glob(f"{name}/**/*.py"))
    folders = {path.parent for path in [*program_files(ROOT), *beside]}
    assert len(folders) > 20
    for folder in folders:
        assert len(list(folder.glob("*.py"))) <= 16, folder
