"""What tests of RF-DETR share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")


@pytest.fixture(scope="package", autouse=True)
def no_chance() -> Iterator[None]:
    """Weights that a file's take the place of are not drawn first, which takes half of the time."""

    def zeros(_: object, shape: tuple[int, ...], dtype: str | None = None) -> Any:
        return np.zeros(shape, dtype)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.initializers.GlorotUniform, "__call__", zeros)
        yield
