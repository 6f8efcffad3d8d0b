"""Which file of the program imports which, read from the text: nothing is imported."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

PACKAGES = ("effects", "segmentation", "stream")
Graph = dict[str, set[str]]


def rooms(graph: Graph) -> set[str]:
    """Return the folders within packages in which the graph has files, each with a / at its end."""
    return {_folder(name) for name in graph if _folder(name).endswith("/")}


def program_files(root: Path) -> list[Path]:
    """Return the files of the program in the checkout at `root`: its packages and run.py."""
    files = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    return [*files, root / "run.py"]


@cache
def imported_names(text: str) -> frozenset[str]:
    """Return every dotted name that a file imports, in functions and for types as well.

    `from a import b` gives `a.b`, which is a module or something in `a`.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import: {ast.unparse(node)}"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def import_graph(root: Path) -> Graph:
    """Return by each file of the program, as a path from `root`, the files that it imports."""
    files = {path.relative_to(root).as_posix(): path for path in program_files(root)}
    modules = {_module(name): name for name in files}
    graph: Graph = {}
    for name, path in files.items():
        found = {_file(imported, modules) for imported in imported_names(path.read_text())}
        graph[name] = {other for other in found if other is not None} - {name}
    return graph


def of_folders(graph: Graph) -> Graph:
    """Return the graph with folders in the place of their files.

    Files that lie in a package itself stand for themselves: some are below all its folders, as
    errors, others above them, as what chooses between the folders.
    """
    folders: Graph = defaultdict(set)
    for name, others in graph.items():
        folders[_folder(name)] |= {_folder(other) for other in others} - {_folder(name)}
    return dict(folders)


def circle(graph: Graph) -> list[str]:
    """Return a circle of imports, the first once more at the end; none is `[]`."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _module(name: str) -> str:
    parts = PurePosixPath(name).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _file(imported: str, modules: dict[str, str]) -> str | None:
    """Return the file of an imported name: a module's, or of the module that it is defined in."""
    return modules.get(imported) or modules.get(imported.rpartition(".")[0])


def _folder(name: str) -> str:
    folder = PurePosixPath(name).parent
    return name if len(folder.parts) < 2 else f"{folder}/"
