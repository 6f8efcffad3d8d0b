"""What files of weights call a variable of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def tensor_name(variable: keras.Variable) -> str:
    """Return "layer/tensor" (`stem/kernel`), whatever models the layer lies in."""
    return "/".join(variable.path.split("/")[-2:])
