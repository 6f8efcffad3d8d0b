"""In which precision the layers of a network compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def computing_in(dtype: str) -> Iterator[None]:
    """Let layers made meanwhile keep their weights in float32 and compute in `dtype`.

    What needs float32 asks for it: boxes, scores, places of samples, softmax and normalisation.

    Args:
        dtype: "float32" or "bfloat16".
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if dtype == "float32" else f"mixed_{dtype}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
