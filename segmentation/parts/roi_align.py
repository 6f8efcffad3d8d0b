"""RoIAlign: features of fixed size for boxes of any size (He et al. 2017, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from segmentation.parts.resample import resampling_matrix

Tensor = Any
Shape = tuple[Any, ...]

#: most samples in a bin along one axis that `adaptive_roi_align` takes
MAX_SAMPLES = 16


def pyramid_level(
    boxes: Tensor,
    *,
    image_area: float,
    canonical_px: float = 224.0,
    levels: tuple[int, int] = (2, 5),
) -> Tensor:
    """Return the pyramid level of boxes (Lin et al. 2017, equation 1).

    Args:
        boxes: (..., 4) y1, x1, y2, x2 as fractions of the image.
        image_area: of the network's input in pixels.
        canonical_px: side of the square box that belongs to level 4.
        levels: number of the first and of the last level there is.
    """
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    side = ops.sqrt(ops.maximum(area, 1e-12)) * (image_area**0.5 / canonical_px)
    octave = ops.log(side) / np.float32(np.log(2.0))
    return ops.cast(ops.clip(4 + ops.round(octave), *levels), "int32")


def join_levels(levels: Sequence[Tensor]) -> Tensor:
    """Lay feature maps (N, H, W, C) behind each other: (N, pixels of all levels, C)."""
    flat = [ops.reshape(x, (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])) for x in levels]
    return ops.concatenate(flat, axis=1)


class PyramidRoIAlign(layers.Layer):
    """One bilinear sample for each cell of a grid whose corners lie on the box's corners.

    The arithmetic of TensorFlow's `crop_and_resize`, as Matterport's program uses it: a box of 0
    to 1 spans the centres of the outermost feature pixels; samples outside are 0. Each box is
    read from one level, chosen by its size. Of a box that ends at the image's border the last
    samples lie on it, and the last bit of the box decides whether they are outside, as there.

    Args:
        grid: samples along a side.
        sizes_hw: of the levels, finest first.
        image_area: of the network's input, in pixels.
        num_images: N.
        first_level: number of the finest level, whose stride is two to the power of it.
        canonical_px: side of the square box that is read from the level of stride 16.
    """

    def __init__(
        self,
        grid: int,
        *,
        sizes_hw: Sequence[tuple[int, int]],
        image_area: float,
        num_images: int,
        first_level: int = 2,
        canonical_px: float = 224.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.grid = grid
        self._first_level = first_level
        self._level = partial(
            pyramid_level,
            image_area=image_area,
            canonical_px=canonical_px,
            levels=(first_level, first_level + len(sizes_hw) - 1),
        )
        sizes = np.array(sizes_hw, np.int32)
        ends = np.cumsum(sizes.prod(axis=1))
        self._heights, self._widths = sizes.T
        self._first_pixel = np.concatenate([[0], ends[:-1]]).astype(np.int32)
        self._first_of_image = np.arange(num_images, dtype=np.int32)[:, None] * int(ends[-1])

    def compute_output_spec(self, boxes: Tensor, pixels: Tensor) -> keras.KerasTensor:
        """Return (N, K, grid, grid, C)."""
        return keras.KerasTensor((*boxes.shape[:2], self.grid, self.grid, pixels.shape[-1]))

    def _samples(self, first: Tensor, last: Tensor, size: Tensor) -> tuple[Tensor, ...]:
        """Return lower and upper pixel (N, K, grid), weight of the upper one, and 1 if inside."""
        limit = ops.cast(size - 1, "float32")[..., None]
        steps = np.linspace(0, 1, self.grid, dtype=np.float32)
        along = ops.multiply(steps, (last - first)[..., None] * limit)
        position = first[..., None] * limit + along
        inside = ops.cast(ops.logical_and(position >= 0, position <= limit), "float32")
        position = ops.maximum(ops.minimum(position, limit), 0)
        lower = ops.floor(position)
        upper = ops.minimum(lower + 1, limit)
        return ops.cast(lower, "int32"), ops.cast(upper, "int32"), position - lower, inside

    def call(self, boxes: Tensor, pixels: Tensor) -> Tensor:
        """Sample.

        Args:
            boxes: (N, K, 4) y1, x1, y2, x2 as fractions of the image.
            pixels: what `join_levels` returns for the levels.

        Returns:
            (N, K, grid, grid, C)
        """
        pixels = ops.reshape(pixels, (-1, pixels.shape[-1]))
        level = self._level(boxes) - self._first_level
        height, width = (ops.take(size, level) for size in (self._heights, self._widths))
        top, bottom, down, in_y = self._samples(boxes[..., 0], boxes[..., 2], height)
        left, right, along, in_x = self._samples(boxes[..., 1], boxes[..., 3], width)
        image = ops.convert_to_tensor(self._first_of_image)  # no `ops.add`: see `take_rows`
        origin = (ops.take(self._first_pixel, level) + image)[..., None, None]
        row = width[..., None, None]

        def corner(y: Tensor, x: Tensor) -> Tensor:
            return ops.take(pixels, origin + y[..., :, None] * row + x[..., None, :], axis=0)

        down, along = down[..., :, None, None], along[..., None, :, None]
        upper = corner(top, left) * (1 - along) + corner(top, right) * along
        lower = corner(bottom, left) * (1 - along) + corner(bottom, right) * along
        inside = (in_y[..., :, None] * in_x[..., None, :])[..., None]
        return (upper * (1 - down) + lower * down) * inside


def area_level(boxes: Tensor, *, image_area: Tensor, num_levels: int) -> Tensor:
    """Return the level of boxes by the share of the image they cover (CenterMask, equation 2).

    The last level is for boxes of more than half of the image, each finer one for boxes of half
    that size, the first for all smaller ones: ceil(last - log2(image_area / area)).

    Args:
        boxes: (..., 4) y1, x1, y2, x2.
        image_area: in the same units.
        num_levels: number of levels.

    Returns:
        (...) int32, 0 = finest.
    """
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    shares = [
        ops.cast(2**halvings * area <= image_area, "int32") for halvings in range(1, num_levels)
    ]
    return num_levels - 1 - sum(shares)


def _bin_means(first: Tensor, last: Tensor, grid: int, num_pixels: Any) -> Tensor:
    """Return matrices (N, K, grid, num_pixels) that average the samples in each of `grid` bins.

    Args:
        first: (N, K) where boxes begin, in pixels, 0 = centre of the first pixel.
        last: (N, K) where they end.
        grid: bins along the box.
        num_pixels: along the axis; a tensor where it is not known when the graph is made.
    """
    if not isinstance(num_pixels, int):
        num_pixels = ops.cast(num_pixels, "float32")
    bin_px = (last - first)[..., None, None] / grid
    # as many samples as a bin has pixels
    num = ops.clip(ops.ceil(bin_px), 1, MAX_SAMPLES)
    sample = np.arange(MAX_SAMPLES, dtype=np.float32)
    bins = np.arange(grid, dtype=np.float32)[:, None]
    positions = first[..., None, None] + (bins + (sample + 0.5) / num) * bin_px
    weights = resampling_matrix(positions, num_pixels, border="drop", xp=ops)
    share = ops.cast(sample < num, "float32") / num
    return ops.sum(weights * share[..., None], axis=3)


def adaptive_roi_align(
    boxes: Tensor, level: Tensor, levels: Sequence[Tensor], *, strides: Sequence[int], grid: int
) -> Tensor:
    """Average features over each cell of a grid, with about a sample for each feature pixel.

    Detectron2's `ROIAlignV2` with `sampling_ratio` 0. The mean over a grid of bilinear samples is
    separable: every box has a matrix for its rows and one for its columns.

    Args:
        boxes: (N, K, 4) y1, x1, y2, x2 in pixels of the image.
        level: (N, K) index into `levels`.
        levels: feature maps (N, H, W, C).
        strides: pixels of the image per feature pixel, one for each level.
        grid: cells along a side.

    Returns:
        (N, K, grid, grid, C)
    """
    num, num_boxes = boxes.shape[:2]
    total: Tensor = 0
    for index, (features, stride) in enumerate(zip(levels, strides, strict=True)):
        _, height, width, channels = ops.shape(features)
        edges = boxes * (1 / stride) - 0.5
        rows = _bin_means(edges[..., 0], edges[..., 2], grid, height)
        columns = _bin_means(edges[..., 1], edges[..., 3], grid, width)
        here = ops.cast(level == index, "float32")[..., None, None]
        x = ops.matmul(
            ops.reshape(rows * here, (num, num_boxes * grid, height)),
            ops.reshape(features, (num, height, width * channels)),
        )
        x = ops.reshape(x, (num, num_boxes, grid, width, channels))
        total = total + ops.matmul(columns[:, :, None], x)
    return total


class WholeCrop(layers.Layer):
    """A convolution whose kernel is as large as each crop, worked out as one matrix product.

    Its weights are those of the convolution; runtimes are much faster this way.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape: Shape) -> None:
        """Create the weights for crops (N, P, grid, grid, C)."""
        self.kernel = self.add_weight(shape=(*input_shape[2:], self.filters), name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, crops: Tensor) -> Tensor:
        """Return (N, P, 1, 1, filters)."""
        num, num_rows = crops.shape[:2]
        kernel = ops.reshape(self.kernel, (-1, self.filters))
        flat = ops.reshape(crops, (num * num_rows, kernel.shape[0]))
        x = ops.add(ops.matmul(flat, kernel), self.bias)
        return ops.reshape(x, (num, num_rows, 1, 1, self.filters))
