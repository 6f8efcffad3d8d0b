"""The feature pyramid: maps of features at several strides, each knowing all deeper ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from keras import layers, ops

from segmentation.parts.convolutions import Tensor


class Doubled(layers.Layer):
    """Every pixel becomes four, whatever the size of the map."""

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return (N, 2H, 2W, C)."""
        num, *size_hw, channels = input_shape
        return (num, *(None if side is None else 2 * side for side in size_hw), channels)

    def call(self, x: Tensor) -> Tensor:
        """Enlarge (N, H, W, C)."""
        num, height, width, channels = ops.shape(x)
        wide = ops.reshape(ops.concatenate([x, x], axis=-1), (num, height, 2 * width, channels))
        both = ops.concatenate([wide, wide], axis=2)
        return ops.reshape(both, (num, 2 * height, 2 * width, channels))


def doubled(coarser: Tensor, finer: Tensor) -> Tensor:
    """Return a map twice as large, which is the size of the next finer one."""
    return Doubled()(coarser)


def feature_pyramid(
    stages: Sequence[Tensor],
    channels: int = 256,
    *,
    first: int,
    lateral: str,
    output: str,
    enlarge: Callable[[Tensor, Tensor], Tensor] = doubled,
) -> list[Tensor]:
    """Build the feature pyramid (Lin et al. 2017): each level sees all deeper ones.

    Args:
        stages: one for each level, finest first.
        channels: of every level.
        first: number of the finest level.
        lateral: name of the layer that reads a stage, with a place for the `level`, or its
            `order`, 0 being the coarsest.
        output: name of the layer that makes a level, likewise.
        enlarge: brings a level to the size of the next finer one, which it is given too.

    Returns:
        As many levels, finest first.
    """
    orders = range(len(stages) - 1, -1, -1)
    merged: list[Tensor] = []
    for order, stage in enumerate(reversed(stages)):
        level = first + orders[order]
        x = layers.Conv2D(channels, 1, name=lateral.format(level=level, order=order))(stage)
        merged.insert(0, layers.Add()([enlarge(merged[0], x), x]) if merged else x)
    return [
        layers.Conv2D(
            channels, 3, padding="same", name=output.format(level=first + index, order=order)
        )(x)
        for index, (order, x) in enumerate(zip(orders, merged, strict=True))
    ]
