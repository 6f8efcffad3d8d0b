"""Masks of a network's size become masks of a photo's size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segmentation.parts.resample import resampling_matrix, sample_positions, to_uint8

#: of a logit whose probability times 255 is rounded to 0
LEAST_LOGIT = -6.3
#: of a photo that are worked on at a time: what lies between the steps stays in the processor
_BLOCK_PIXELS = 1 << 16


def resize_mask(mask: NDArray[np.floating], size_hw: tuple[int, int]) -> NDArray[np.float64]:
    """Enlarge one mask as Matterport's program does, through scikit-image's order-1 resize.

    Beyond the border lie zeros, so that masks fade over the outermost half mask pixel; the
    result is then limited to the range of the mask, so that a full mask stays full.

    Args:
        mask: (h, w) probabilities.
        size_hw: of the result.

    Returns:
        `size_hw` probabilities.
    """
    rows, columns = (
        resampling_matrix(sample_positions(num_out, 0, num_in), num_in, border="zero")
        for num_out, num_in in zip(size_hw, mask.shape, strict=True)
    )
    resized: NDArray[np.float64] = rows @ mask.astype(np.float64) @ columns.T
    return np.clip(resized, mask.min(), mask.max())


def paste_masks(
    masks: NDArray[np.floating],
    boxes: NDArray[np.int32] | Sequence[Sequence[int]],
    size_hw: tuple[int, int],
) -> NDArray[np.uint8]:
    """Put each mask into its box of an image.

    Bytes are probability x 255 with halves rounded upwards, and 255 x 0.5 is such a half: a
    byte is at least 128 exactly where the probability is at least 0.5.

    Args:
        masks: (K, h, w) probabilities.
        boxes: (K, 4) y1, x1, y2, x2 in whole pixels inside the image, y2 and x2 exclusive,
            none of them empty.
        size_hw: of the image.

    Returns:
        (K, H, W), 0 outside the boxes.
    """
    pasted = np.zeros((len(masks), *size_hw), np.uint8)
    for target, mask, (y1, x1, y2, x2) in zip(pasted, masks, boxes, strict=True):
        resized = resize_mask(mask, (y2 - y1, x2 - x1))
        target[y1:y2, x1:x2] = to_uint8(resized * 255)
    return pasted


def enlarge_masks(masks: NDArray[np.floating], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Enlarge masks of a whole image to its size, each only where it has values other than 0.

    Bilinear, pixels are areas, the outermost ones continue beyond the border.

    Args:
        masks: (K, h, w) probabilities, a rectangle of each of them not 0.
        size_hw: of the image.

    Returns:
        (K, H, W), bytes as from `paste_masks`.
    """
    enlarged = np.zeros((len(masks), *size_hw), np.uint8)
    rows, columns = (
        resampling_matrix(sample_positions(num_out, 0, num_in), num_in, border="edge").astype(
            np.float32
        )
        for num_out, num_in in zip(size_hw, masks.shape[1:], strict=True)
    )
    for target, mask in zip(enlarged, masks, strict=True):
        inside = mask > 0
        read_y, read_x = _extent(inside.any(axis=1)), _extent(inside.any(axis=0))
        write_y = _extent(rows[:, read_y].any(axis=1))
        write_x = _extent(columns[:, read_x].any(axis=1))
        part = rows[write_y, read_y] @ mask[read_y, read_x] @ columns[write_x, read_x].T
        target[write_y, write_x] = to_uint8(part * 255)
    return enlarged


def enlarge_logits(logits: NDArray[np.float32], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Enlarge logits of a whole image to masks of its size.

    Bilinear, pixels are areas, the outermost ones continue beyond the border; a pixel is inside
    where its logit, not the mean of probabilities, is above 0.

    Args:
        logits: (K, h, w)
        size_hw: of the image.

    Returns:
        (K, H, W), bytes as from `paste_masks`.
    """
    height, width = size_hw
    enlarged = np.zeros((len(logits), height, width), np.uint8)
    for target, mask in zip(enlarged, logits, strict=True):
        possible = mask > LEAST_LOGIT
        in_y = _reached(_extent(possible.any(axis=1)), mask.shape[0], height)
        in_x = _reached(_extent(possible.any(axis=0)), mask.shape[1], width)
        resized = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
        target[in_y, in_x] = probability(resized[in_y, in_x])
    return enlarged


def probability(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the logistic function of `logits` (H, W) x 255, rounded: >= 128 where logits >= 0."""
    result = np.empty(logits.shape, np.uint8)
    num_rows = max(1, _BLOCK_PIXELS // max(1, logits.shape[1]))
    for first in range(0, len(logits), num_rows):
        values = np.clip(logits[first : first + num_rows], -80, 80)
        np.exp(np.negative(values, out=values), out=values)
        values += 1
        np.divide(255, values, out=values)
        values += 0.5
        result[first : first + num_rows] = values  # which cuts off
    return result


def _reached(inside: slice, num_in: int, num_out: int) -> slice:
    """Return which pixels of an enlarged axis depend on those of a part of it."""
    if inside.start == inside.stop:
        return inside
    scale = num_out / num_in
    first = math.floor((inside.start - 0.5) * scale)
    return slice(max(first, 0), min(math.ceil((inside.stop + 0.5) * scale), num_out))


def _extent(flags: NDArray[np.bool_]) -> slice:
    """Return from the first to the last true flag."""
    (true,) = np.nonzero(flags)
    return slice(true[0], true[-1] + 1) if len(true) else slice(0, 0)


def paste_masks_between_pixels(
    masks: NDArray[np.floating], boxes: NDArray[np.floating], size_hw: tuple[int, int]
) -> NDArray[np.uint8]:
    """Put each mask into its box of an image, whose sides need not lie between two pixels.

    As Detectron2 does: each pixel takes the bilinear value at its centre, beyond the mask lie
    zeros.

    Args:
        masks: (K, h, w) probabilities.
        boxes: (K, 4) y1, x1, y2, x2 in pixels, none of them empty.
        size_hw: of the image.

    Returns:
        (K, H, W), bytes as from `paste_masks`.
    """
    pasted = np.zeros((len(masks), *size_hw), np.uint8)
    for target, mask, (y1, x1, y2, x2) in zip(pasted, masks, boxes, strict=True):
        in_y, rows = _part(y1, y2, mask.shape[0], size_hw[0])
        in_x, columns = _part(x1, x2, mask.shape[1], size_hw[1])
        target[in_y, in_x] = to_uint8(rows @ mask @ columns.T * 255)
    return pasted


def _part(start: float, stop: float, num_in: int, num_out: int) -> tuple[slice, NDArray[Any]]:
    """Return the pixels that a mask reaches along one axis, and the matrix that samples it."""
    step = (stop - start) / num_in
    first = max(0, math.floor(start - step / 2))
    last = min(num_out, math.ceil(stop + step / 2))
    positions = sample_positions(last - first, (first - start) / step, (last - start) / step)
    return slice(first, last), resampling_matrix(positions, num_in, border="zero")
