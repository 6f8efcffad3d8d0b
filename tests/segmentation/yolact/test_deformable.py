"""Deformable convolution against its definition, one sample after another."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from segmentation.yolact.deformable import DeformableConv  # noqa: E402


def pixel(image: np.ndarray, y: int, x: int) -> np.ndarray:
    height, width, channels = image.shape
    inside = 0 <= y < height and 0 <= x < width
    return image[y, x] if inside else np.zeros(channels)


def sample(image: np.ndarray, y: float, x: float) -> np.ndarray:
    top, left = int(np.floor(y)), int(np.floor(x))
    return sum(
        pixel(image, top + down, left + along)
        * (1 - abs(y - top - down))
        * (1 - abs(x - left - along))
        for down in (0, 1)
        for along in (0, 1)
    )


def slow(
    image: np.ndarray, guide: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int
) -> np.ndarray:
    result = np.zeros((*guide.shape[:2], len(bias)))
    for row, column in np.ndindex(*guide.shape[:2]):
        for tap in range(9):
            dy, dx = guide[row, column, 2 * tap : 2 * tap + 2]
            strength = 1 / (1 + np.exp(-guide[row, column, 18 + tap]))
            y = row * stride - 1 + tap // 3 + dy
            x = column * stride - 1 + tap % 3 + dx
            result[row, column] += strength * sample(image, y, x) @ kernel[tap // 3, tap % 3]
    return result + bias


@pytest.mark.parametrize(("stride", "spread_px"), [(1, 0.0), (1, 1.5), (2, 1.5), (1, 20.0)])
def test_as_defined(stride: int, spread_px: float) -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(7, 9, 4)).astype(np.float32)
    size_hw = (-(-7 // stride), -(-9 // stride))
    guide = rng.normal(size=(*size_hw, 27)).astype(np.float32)
    guide[..., :18] *= spread_px
    layer = DeformableConv(5, stride)
    found = keras.ops.convert_to_numpy(layer(image[None], guide[None]))[0]
    layer.bias.assign(rng.normal(size=5))
    found = keras.ops.convert_to_numpy(layer(image[None], guide[None]))[0]
    weights = [keras.ops.convert_to_numpy(x) for x in (layer.kernel, layer.bias)]
    wanted = slow(image, guide, *weights, stride)
    np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_whole_offsets_fetch_other_pixels() -> None:
    """With one tap that counts, moved by (1, -2), each place shows the pixel there."""
    image = np.random.default_rng(0).normal(size=(6, 8, 3)).astype(np.float32)
    guide = np.zeros((1, 6, 8, 27), np.float32)
    guide[..., 8], guide[..., 9], guide[..., 22] = 1, -2, 50
    layer = DeformableConv(3, 1)
    layer.build((1, 6, 8, 3), guide.shape)
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[1, 1] = np.eye(3)
    layer.kernel.assign(kernel)
    found = keras.ops.convert_to_numpy(layer(image[None], guide))[0]
    wanted = np.zeros_like(image)
    wanted[:-1, 2:] = image[1:, :-2]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
