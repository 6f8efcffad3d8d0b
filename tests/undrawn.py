"""Networks without the chance that they begin with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """Let weights that a file's take the place of be zeros first: to draw them takes a while."""
    import keras

    def zeros(_: object, shape: tuple[int, ...], dtype: str | None = None) -> Any:
        return np.zeros(shape, dtype)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.initializers.GlorotUniform, "__call__", zeros)
        yield
