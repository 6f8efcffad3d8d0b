"""All classes of the program that promise something, so that none is left out of its contract."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from tests.folders import ROOT

PROGRAM = ("effects", "segmentation", "stream")


def modules(package: str) -> Iterator[ModuleType]:
    """Import and yield a package and all that is in it, but for what lacks an optional library."""
    root = importlib.import_module(package)
    yield root
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        try:
            yield importlib.import_module(found.name)
        except ModuleNotFoundError as error:
            if str(error.name).partition(".")[0] in PROGRAM:
                raise


def classes(package: str) -> set[type]:
    """Return the classes that the files of a package define and that objects can be made of."""
    return {
        member
        for module in modules(package)
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__
        and not inspect.isabstract(member)
        and not getattr(member, "_is_protocol", False)
    }


def subclasses(base: type, package: str) -> set[type]:
    """Return those of them that are of a class."""
    return {member for member in classes(package) if issubclass(member, base)}


def classes_with(folder: str, *members: str) -> set[str]:
    """Return the names of the classes that define or inherit these members, read from the text.

    For what would take long to import. Protocols, abstract classes and what is private do not
    count.
    """
    nodes = {
        node.name: node
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }

    def bases(name: str) -> list[str]:
        return [ast.unparse(base) for base in nodes[name].bases]

    def defined(name: str) -> set[str]:
        body = nodes[name].body
        found = {each.name for each in body if isinstance(each, ast.FunctionDef)}
        found |= {ast.unparse(each.targets[0]) for each in body if isinstance(each, ast.Assign)}
        return found.union(*(defined(base) for base in bases(name) if base in nodes))

    return {
        name
        for name in nodes
        if not name.startswith("_")
        and not any(base in ("ABC", "abc.ABC") or "Protocol" in base for base in bases(name))
        and defined(name).issuperset(members)
    }
