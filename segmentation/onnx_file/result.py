"""What comes out of a network: a map of one foreground, or one of background and foreground."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.onnx_file.graph import Limits

#: logits beyond these make no difference to a share
LARGEST_LOGIT = 80.0
#: a result has at least its input's sides divided by this
MAX_STRIDE = 32
#: and at most its sides times this
MAX_ENLARGED = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a result what lies.

    Attributes:
        channels: axis of background and foreground, `None` where there is a map of one alone.
        rows: axis of the map's rows.
        columns: likewise.
    """

    channels: int | None
    rows: int
    columns: int


def layout_of(shape: Any, size_hw: tuple[int, int]) -> Layout:
    """Read the layout of a result.

    Args:
        shape: of the result, an `openvino.PartialShape`.
        size_hw: of the network's input.

    Raises:
        ValueError: it is no map of one foreground; says what it is.
    """
    if shape.rank.is_dynamic or shape.is_dynamic:
        raise ValueError("the shape of its result cannot be told beforehand")
    sides = [int(side.get_length()) for side in shape]
    told = "x".join(map(str, sides))
    maps = [
        each
        for each in _layouts(sides)
        if _is_map_of((sides[each.rows], sides[each.columns]), size_hw)
    ]
    if not maps:
        raise ValueError(
            f"its first result is {told}, no map of background and foreground for an image of "
            f"{size_hw[1]}x{size_hw[0]}"
        )
    return maps[0]


def _layouts(sides: list[int]) -> Iterator[Layout]:
    """Yield how a result of these sides may be laid out."""
    if len(sides) == 2:
        yield Layout(None, 0, 1)
    for axis, side in enumerate(sides):
        rest = [other for other in range(len(sides)) if other != axis]
        while len(rest) > 2 and sides[rest[0]] == 1:
            rest = rest[1:]
        if side in (1, 2) and len(rest) == 2:
            yield Layout(axis if side == 2 else None, rest[0], rest[1])


def _is_map_of(map_hw: tuple[int, int], size_hw: tuple[int, int]) -> bool:
    """Return whether a map has the aspect of an image, to the pixel."""
    (rows, columns), (height, width) = map_hw, size_hw
    is_large = rows * MAX_STRIDE >= height and columns * MAX_STRIDE >= width
    is_small = rows <= MAX_ENLARGED * height and columns <= MAX_ENLARGED * width
    return is_large and is_small and abs(rows * width - columns * height) <= max(height, width)


def foreground_share(
    result: NDArray[Any], layout: Layout, limits: Limits | None
) -> NDArray[np.float32]:
    """Return how much of each pixel is foreground.

    Args:
        result: of the network.
        layout: of it.
        limits: between which it lies; `None` for logits, of which those of two channels go through
            a softmax, those of one through a sigmoid.

    Returns:
        (h, w) in [0, 1]; 0 where the result is not a number.
    """
    values = np.asarray(result, np.float32)
    size_hw = values.shape[layout.rows], values.shape[layout.columns]
    if layout.channels is not None:
        background, foreground = np.moveaxis(values, layout.channels, 0)
        values = foreground if limits is not None else foreground - background
    values = values.reshape(size_hw)
    values = np.nan_to_num(values, nan=-np.inf if limits is None else limits.least)
    if limits is None:
        share = 1 / (1 + np.exp(-np.clip(values, -LARGEST_LOGIT, LARGEST_LOGIT)))
    else:
        span = max(limits.most - limits.least, 1e-12)
        share = np.clip((values - np.float32(limits.least)) / np.float32(span), 0, 1)
    return np.asarray(share, np.float32)
