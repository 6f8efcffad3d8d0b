"""What tests of networks share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.golden.weights_recipe import write_recipe_weights
from tests.undrawn import undrawn


@contextlib.contextmanager
def eagerly() -> Iterator[None]:
    """Networks are computed as they are written: to trace one takes longer than a few runs."""
    tensorflow = pytest.importorskip("tensorflow")
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.fixture
def eager() -> Iterator[None]:
    with eagerly():
        yield


@contextlib.contextmanager
def last_loaded(family: ModuleType) -> Iterator[None]:
    """Let a family load a network once for its tests and its export; the last one is kept.

    Args:
        family: the file that has `load_network`.
    """
    load_network = family.load_network

    @lru_cache(maxsize=1)
    def load_once(*arguments: Any, **how: Any) -> Any:
        with undrawn():
            return load_network(*arguments, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(family, "load_network", load_once)
        yield
    load_once.cache_clear()


@contextlib.contextmanager
def last_network(
    folder: Path,
    build: Callable[[str, Path], Any],
    *,
    in_old_form: str,
    kept: Callable[[str], Path] | None = None,
    names_kept: Container[str] = (),
) -> Iterator[Callable[[str, str], tuple[Path, Any]]]:
    """Give what writes the weights of a recipe and builds their network.

    The last of both are kept, for another photo.

    Args:
        folder: empty, for the weights.
        build: given the network's name and its weights.
        in_old_form: the network whose weights are no zip archive.
        kept: gives the weights of a recipe that other files of tests need as well.
        names_kept: the networks of which it does.
    """

    def clear() -> None:
        for old in folder.iterdir():
            old.unlink()

    @lru_cache(maxsize=1)
    def made(name: str, recipe_net: str) -> tuple[Path, Any]:
        clear()
        if kept is not None and name in names_kept:
            path = kept(recipe_net)
        else:
            path = folder / f"{name}.pth"
            write_recipe_weights(recipe_net, path, zip_form=name != in_old_form)
        return path, build(name, path)

    yield made
    made.cache_clear()
    clear()
