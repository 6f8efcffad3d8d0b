"""Weights of recipes and what the program exports of them: each made once in a session."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from segmentation.runtime import compiling
from segmentation.runtime.export_cache import Origin
from tests.golden.weights_recipe import manifest, write_recipe_weights
from tests.session_folder import SessionFolder
from tests.undrawn import undrawn


class Recipes:
    """Gives weights and keeps exports.

    Args:
        session: where they are kept.

    Attributes:
        session: likewise.
    """

    def __init__(self, session: SessionFolder) -> None:
        self.session = session

    def weights(self, recipe: str) -> Path:
        """Return the published file that a recipe makes, in the newer form of a .pth."""
        ending = ".h5" if manifest(recipe)["layout"] == "keras" else ".pth"
        return self.session.made(f"{recipe}{ending}", partial(write_recipe_weights, recipe))

    @contextlib.contextmanager
    def exported(self, kind: str) -> Iterator[None]:
        """Let the program keep its exports where all tests of a kind find them.

        Args:
            kind: a name. Tests of one kind make no more exports than the program keeps, and their
                networks have the same settings where the weights are the same.
        """
        cached_export = compiling.cached_export

        def once(
            folder: Path,
            origin: Origin,
            export: Callable[[Path], None],
            on_wait: Callable[[], None],
        ) -> Path:
            with self.session.one_at_a_time(kind):
                return cached_export(folder, origin, partial(_export, export), on_wait)

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(self.session.path / kind))
            patch.setattr(compiling, "cached_export", once)
            yield


def _export(export: Callable[[Path], None], path: Path) -> None:
    with undrawn():
        export(path)
